/** From sampled rows to the one picture's series: sessions on average, by wait class. */

import { waitClass, waitOrder } from '../../charts/colors';
import type { Series } from '../../charts/stack';
import { enough } from '../../history/spread';
import type { Window } from '../../history/sql';
import { timeline } from '../../range/bins';
import type { ClassRow } from './activity.sql';

/** How long each bin was sampled, in seconds. */
function sampledBins(rows: ClassRow[]): Map<number, number> {
  const seconds = new Map<number, number>();
  for (const row of rows) seconds.set(row.t, Math.max(seconds.get(row.t) ?? 0, row.seconds));
  return seconds;
}

/** In a bin that was sampled, a class without a row had no session. A bin that was not is a gap. */
export function sessionSeries(window: Window, rows: ClassRow[]): { times: number[]; series: Series[] } {
  const times = timeline(window);
  const index = new Map(times.map((t, i) => [t, i]));
  const sampled = sampledBins(rows);
  const seconds = times.map((t) => enough(sampled.get(t), window));
  const classes = [...new Set(rows.map((row) => row.class).filter((name) => name !== null))].sort(
    (a, b) => waitOrder(a) - waitOrder(b),
  );
  if (classes.length === 0 && sampled.size > 0) classes.push('CPU');
  const series: Series[] = classes.map((name) => ({
    name,
    color: waitClass(name).color,
    help: waitClass(name).help,
    values: seconds.map((length) => (length === null ? null : 0)),
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

/** How long the server was sampled within the window: what an average over it is taken over. */
export function sampledSeconds(rows: ClassRow[]): number {
  let sum = 0;
  for (const seconds of sampledBins(rows).values()) sum += seconds;
  return sum;
}

export interface Share {
  name: string;
  total: number;
  parts: Record<string, number>;
}

/** Rows of (name, class, samples) as one entry a name with average sessions by class, largest first. */
export function shares(rows: { name: string; class: string; samples: number }[], seconds: number): Share[] {
  const entries = new Map<string, Share>();
  for (const row of rows) {
    const entry = entries.get(row.name) ?? { name: row.name, total: 0, parts: {} };
    const sessions = row.samples / Math.max(seconds, 1);
    entry.total += sessions;
    entry.parts[row.class] = (entry.parts[row.class] ?? 0) + sessions;
    entries.set(row.name, entry);
  }
  return [...entries.values()].sort((a, b) => b.total - a.total);
}
