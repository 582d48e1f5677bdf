/** Sampled sessions by name and wait class, as the rows of the list below the chart. Pure. */

export interface Share {
  name: string;
  total: number;
  parts: Record<string, number>;
}

/** One entry per name with average active sessions by wait class, the largest first. */
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
