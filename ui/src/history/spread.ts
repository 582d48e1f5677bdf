/**
 * Counters divided over bins. A row's counters are the increase during its interval, and an interval can cross the border of
 * two bins. So each row's counters and seconds are divided between both bins. Sums divided by seconds are then correct rates,
 * also for late or rare snapshots and at the edges of gaps.
 */

import type { Window } from '../range/bins';
import { bin, during, tiered, tierOf } from './sql';

interface Spread {
  table: string;
  /** Additional condition on rows. */
  where?: string;
  /** Covered milliseconds of a row; its interval by default. */
  milliseconds?: string;
  /** Name and expression of each grouping column. */
  keys?: Record<string, string>;
  /** Name and expression of each summed column. */
  sums: Record<string, string>;
}

/** Common table expressions without the word `with`. The last one is `binned (t, keys…, seconds, sums…)`. */
export function spread(
  window: Window,
  { table, where, milliseconds = 'interval_ms', keys = {}, sums }: Spread,
): string {
  const names = { keys: Object.keys(keys).map(quote), sums: Object.keys(sums).map(quote) };
  const list = (...items: string[][]) => items.flat().join(', ');
  const expressions = (of: Record<string, string>) =>
    Object.entries(of).map(([name, value]) => `${value} as ${quote(name)}`);
  const totals = Object.entries(sums).map(([name, value]) => `sum(cast(${value} as double)) as ${quote(name)}`);
  // The share of a row that belongs to the bin before. A bin is at least as long as the usual interval, so a row reaches into
  // one earlier bin. The rest of a longer interval counts in that bin too, together with its seconds.
  // A rollup's row never crosses a border: its `ts` is the start of its bin, and a window's bin holds whole rollup rows.
  const earlier = tierOf(window)
    ? '0.0'
    : `least(1.0, greatest(0.0, (${bin(window)} - cast(extract(epoch from ts) as double) + seconds) / nullif(seconds, 0)))`;
  const part = (t: string, share: string) =>
    `select ${list(
      [`${t} as t`],
      names.keys,
      [`seconds * (${share}) as seconds`],
      names.sums.map((name) => `${name} * (${share}) as ${name}`),
    )} from placed`;
  return `snapshots as (
  select ${list(['ts'], expressions(keys), [`max(${milliseconds}) / 1000.0 as seconds`], totals)}
  from ${tiered(table, window)}
  where server = $server and ${during} and interval_ms > 0${where ? ` and ${where}` : ''}
  group by ${list(['ts'], Object.values(keys))}
), placed as (
  select ${list([`${bin(window)} as t`, `${earlier} as earlier`, 'seconds'], names.keys, names.sums)}
  from snapshots
), parts as (
  ${part('t', '1.0 - earlier')}
  union all
  ${part(`t - ${window.bin}`, 'earlier')} where earlier > 0
), binned as (
  select ${list(
    ['t'],
    names.keys,
    ['sum(seconds) as seconds'],
    names.sums.map((name) => `sum(${name}) as ${name}`),
  )}
  from parts
  group by ${list(['t'], names.keys)}
)`;
}

const quote = (name: string) => `"${name}"`;

/** Below this share of a bin, its rate is not shown. */
const LEAST_SHARE = 0.1;

/** The covered seconds of a bin; null if too few for a rate. */
export function enough(seconds: number | null | undefined, window: Window): number | null {
  return seconds != null && seconds >= window.bin * LEAST_SHARE ? seconds : null;
}
