/** Names of relations, search, and ratios of their figures. Pure. */
import { NOTHING } from '../../format/numbers';

/** The name in all labels of the row that sums relations which are not shipped one by one. */
const OTHER = '(other)';

interface Named {
  datname: string;
  schemaname: string;
  relname: string | null;
  indexrelname?: string;
}

/** `schema.table`, without the schema `public`. */
export function relationName(relation: Named): string {
  if (relation.relname === null) return NOTHING;
  if (relation.relname === OTHER) return 'all other relations';
  return relation.schemaname === 'public' ? relation.relname : `${relation.schemaname}.${relation.relname}`;
}

export function relationMatches(relation: Named, search: string): boolean {
  const text =
    `${relation.datname} ${relation.schemaname}.${relation.relname ?? ''} ${relation.indexrelname ?? ''}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Share of dead rows; null without rows. */
export function deadShare(live: number | null, dead: number | null): number | null {
  if (live === null || dead === null || live + dead === 0) return null;
  return dead / (live + dead);
}

/** A ratio of sums; null without a whole. */
export function ratio(part: number | null, whole: number | null): number | null {
  return part !== null && whole ? part / whole : null;
}
