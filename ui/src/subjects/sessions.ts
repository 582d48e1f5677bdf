/**
 * Active sessions: which sessions count, their wait class, and sampled rows as the stacked series of a chart.
 * Used by the pages Fleet, Server and Query.
 */
import { waitClass, waitOrder } from '../charts/colors';
import type { Series } from '../charts/stack';
import { enough } from '../history/spread';
import { timeline, type Window } from '../range/bins';

/** Seconds between two snapshots of pg_stat_activity. */
export const ACTIVITY_INTERVAL = 10;

/** SQL condition of an active session. A WAL sender is always active and does no work for a client, so it does not count. */
export const ACTIVE = `state = 'active' and coalesce(backend_type, '') <> 'walsender'`;

/** SQL expression of an active session's wait class. A session that waits for nothing runs on a CPU. */
export const WAIT_CLASS = `coalesce(wait_event_type, 'CPU')`;

/** Samples of one wait class in one bin. The class is null for sessions that are not active. */
export interface ClassRow {
  t: number;
  class: string | null;
  seconds: number;
  samples: number;
}

/** Seconds that each bin was sampled. */
function sampledBins(rows: ClassRow[]): Map<number, number> {
  const seconds = new Map<number, number>();
  for (const row of rows) seconds.set(row.t, Math.max(seconds.get(row.t) ?? 0, row.seconds));
  return seconds;
}

/**
 * Average active sessions by wait class. A class without a row is zero in a sampled bin; a bin without samples is a gap. The
 * overall figure is all samples divided by all sampled seconds.
 */
export function sessionSeries(window: Window, rows: ClassRow[]): { times: number[]; series: Series[] } {
  const times = timeline(window);
  const index = new Map(times.map((t, i) => [t, i]));
  const sampled = sampledBins(rows);
  const seconds = times.map((t) => enough(sampled.get(t), window));
  const classes = [...new Set(rows.map((row) => row.class).filter((name) => name !== null))].sort(
    (a, b) => waitOrder(a) - waitOrder(b),
  );
  if (classes.length === 0 && sampled.size > 0) classes.push('CPU');
  const total = sampledSeconds(rows);
  const overall = (name: string) =>
    total > 0 ? rows.reduce((sum, row) => sum + (row.class === name ? row.samples : 0), 0) / total : null;
  const series: Series[] = classes.map((name) => ({
    name,
    color: waitClass(name).color,
    help: waitClass(name).help,
    values: seconds.map((length) => (length === null ? null : 0)),
    overall: overall(name),
  }));
  const byName = new Map(series.map((entry) => [entry.name, entry.values]));
  for (const row of rows) {
    const i = index.get(row.t);
    const length = i === undefined ? null : seconds[i];
    const values = row.class === null ? undefined : byName.get(row.class);
    if (values && i !== undefined && length) values[i] = row.samples / length;
  }
  return { times, series };
}

/** Seconds that the server was sampled within the window: the divisor of an average over the window. */
export function sampledSeconds(rows: ClassRow[]): number {
  let sum = 0;
  for (const seconds of sampledBins(rows).values()) sum += seconds;
  return sum;
}
