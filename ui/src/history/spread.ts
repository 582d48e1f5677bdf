/**
 * Counters on bins. A row's counters are what its interval added, and intervals neither begin nor end with the bins: so
 * each row is divided between the bins its interval falls into, and with it the seconds it covers. Sums over seconds are
 * then honest rates, however the snapshots lie: late, rare, few at an edge, or none for a while.
 */

import type { Window } from '../range/bins';
import { bin, during, tiered, tierOf } from './sql';

interface Spread {
  table: string;
  /** Further condition on rows. */
  where?: string;
  /** Name and expression of what the bins are kept apart by. */
  keys?: Record<string, string>;
  /** Name and expression of what is summed. */
  sums: Record<string, string>;
}

/** Common table expressions, the last of them `binned (t, keys…, seconds, sums…)`; without `with`. */
export function spread(window: Window, { table, where, keys = {}, sums }: Spread): string {
  const names = { keys: Object.keys(keys).map(quote), sums: Object.keys(sums).map(quote) };
  const list = (...items: string[][]) => items.flat().join(', ');
  const expressions = (of: Record<string, string>) =>
    Object.entries(of).map(([name, value]) => `${value} as ${quote(name)}`);
  const totals = Object.entries(sums).map(([name, value]) => `sum(cast(${value} as double)) as ${quote(name)}`);
  // A bin is no shorter than the usual interval, so a row reaches back into one earlier bin at most; of a longer one, what
  // reaches further back is counted there too, with its seconds.
  // A rollup's row stands at the start of what it sums, and a window's bin holds whole rows of it.
  const earlier = tierOf(window)
    ? '0.0'
    : `least(1.0, greatest(0.0, (${bin(window)} - cast(extract(epoch from ts) as double) + seconds) / seconds))`;
  const part = (t: string, share: string) =>
    `select ${list(
      [`${t} as t`],
      names.keys,
      [`seconds * (${share}) as seconds`],
      names.sums.map((name) => `${name} * (${share}) as ${name}`),
    )} from placed`;
  return `snapshots as (
  select ${list(['ts'], expressions(keys), ['max(interval_ms) / 1000.0 as seconds'], totals)}
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

/** Less of a bin than this is no ground for a rate. */
const LEAST_SHARE = 0.1;

/** What of a bin was covered, in seconds; null where it is too little. */
export function enough(seconds: number | null | undefined, window: Window): number | null {
  return seconds != null && seconds >= window.bin * LEAST_SHARE ? seconds : null;
}
