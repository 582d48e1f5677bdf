import { describe, expect, it } from 'vitest';
import type { Window } from '../../range/bins';
import { chooseBin, MAX_POINTS } from '../../range/bins';
import { fleetSessions, fleetSize, fleetWork, SPARK_POINTS } from './fleet.sql';

/** The page's default range. The texts contain no times, since `$from` and `$to` are parameters. */
function lastHour(interval: number, points: number): Window {
  const to = Math.floor(Date.now() / 1000);
  return { from: to - 3600, to, bin: chooseBin(3600, interval, points) };
}

describe('the fleet page’s SQL', () => {
  // The benchmarks run the page's own queries. After a change, `npx vitest run -u` writes the file.
  it('equals bench/fleet/page.json', async () => {
    const texts = [
      { query: fleetSessions, points: SPARK_POINTS },
      { query: fleetWork, points: MAX_POINTS },
      { query: fleetSize, points: MAX_POINTS },
    ].map(({ query, points }) => ({
      name: query.name,
      max_rows: query.maxRows,
      query: query.text(lastHour(query.interval, points), {}).trim(),
    }));
    await expect(`${JSON.stringify(texts, null, 2)}\n`).toMatchFileSnapshot('../../../../bench/fleet/page.json');
  });
});
