/** The finest tier that still has the rows of an old range. Rows as collected expire first, rollups stay longer. */
import type { Schemas } from '../api/client';

export const DAY = 86_400;

/** The backend's defaults, used until the backend answers. */
const USUAL: Schemas['RetentionDays'] = { raw: 30, '5m': 400, '1h': 1827, facts: 1827 };

/** The bin length of the finest tier that still has rows at `from`, in seconds; 0 for rows as collected. */
export function shortestKept(from: number, now: number, days: Schemas['RetentionDays'] = USUAL): number {
  const age = now - from;
  if (age <= days.raw * DAY) return 0;
  return age <= days['5m'] * DAY ? 300 : 3600;
}
