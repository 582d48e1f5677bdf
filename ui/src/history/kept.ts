/** What is left of a range that began long ago: rows as collected go first, rollups stay. */
import type { Schemas } from '../api/client';

export const DAY = 86_400;

/** Where the backend has not answered yet: its defaults. */
const USUAL: Schemas['RetentionDays'] = { raw: 30, '5m': 400, '1h': 1827, facts: 1827 };

/** The shortest bin, in seconds, of which there still are rows at a moment; 0 where rows are there as collected. */
export function shortestKept(from: number, now: number, days: Schemas['RetentionDays'] = USUAL): number {
  const age = now - from;
  if (age <= days.raw * DAY) return 0;
  return age <= days['5m'] * DAY ? 300 : 3600;
}
