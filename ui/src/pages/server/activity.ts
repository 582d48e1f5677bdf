/** From sampled rows to the one picture's series: sessions on average, by wait class. */
import type { Window } from '../../api/sql';
import { waitClass, waitOrder } from '../../charts/colors';
import type { Series } from '../../charts/stack';
import { covered, timeline } from '../../range/bins';

interface ClassRow {
  t: number;
  class: string | null;
  samples: number;
}

/** A bin with any row was sampled: a class without a row in it had no session. A bin without rows is a gap. */
export function sessionSeries(
  window: Window,
  rows: ClassRow[],
  interval: number,
): { times: number[]; series: Series[] } {
  const times = timeline(window);
  const index = new Map(times.map((t, i) => [t, i]));
  const seconds = times.map((t) => covered(window, t, interval));
  const sampled = new Set(rows.map((row) => row.t));
  const classes = [...new Set(rows.map((row) => row.class).filter((name) => name !== null))].sort(
    (a, b) => waitOrder(a) - waitOrder(b),
  );
  if (classes.length === 0 && sampled.size > 0) classes.push('CPU');
  const series: Series[] = classes.map((name) => ({
    name,
    color: waitClass(name).color,
    help: waitClass(name).help,
    values: times.map((t, i) => (sampled.has(t) && seconds[i] !== null ? 0 : null)),
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

/** How long the server was sampled within the window: what the average is taken over. */
export function sampledSeconds(window: Window, rows: { t: number }[]): number {
  let seconds = 0;
  for (const t of new Set(rows.map((row) => row.t))) {
    seconds += Math.max(0, Math.min(t + window.bin, window.to) - Math.max(t, window.from));
  }
  return seconds;
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
