/** Sampled sessions by name and wait class, as the rows of the list below the chart. Pure. */
import type { ShareRow } from './activity.sql';

export interface Share {
  name: string;
  /** Average active sessions. */
  total: number;
  /** Share of all active sessions, also of those that are not listed. */
  share: number;
  parts: Record<string, number>;
}

/** One entry per name with average active sessions by wait class, the largest first. */
export function shares(rows: ShareRow[]): Share[] {
  const entries = new Map<string, Share>();
  for (const row of rows) {
    const entry = entries.get(row.name) ?? { name: row.name, total: 0, share: 0, parts: {} };
    const sessions = row.samples / row.seconds;
    entry.total += sessions;
    entry.share += row.samples / row.all_samples;
    entry.parts[row.class] = (entry.parts[row.class] ?? 0) + sessions;
    entries.set(row.name, entry);
  }
  return [...entries.values()].sort((a, b) => b.total - a.total);
}
