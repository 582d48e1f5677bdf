/** Names of relations, search, and shares of their rows. Pure. */

interface Relation {
  datname: string;
  schemaname: string;
  relname: string;
  indexrelname?: string;
}

/** `schema.table`, without the schema `public`. */
export function relationName(relation: Relation): string {
  return relation.schemaname === 'public' ? relation.relname : `${relation.schemaname}.${relation.relname}`;
}

export function relationMatches(relation: Relation, search: string): boolean {
  const text =
    `${relation.datname} ${relation.schemaname}.${relation.relname} ${relation.indexrelname ?? ''}`.toLowerCase();
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

interface Index {
  scans: number | null;
  is_unique: boolean | null;
  is_primary: boolean | null;
  is_constraint: boolean | null;
}

/** Whether an index has no scans in the range and enforces nothing. A unique index has a use without scans. */
export function isUnused(index: Index): boolean {
  return (index.scans ?? 0) === 0 && !index.is_unique && !index.is_primary && !index.is_constraint;
}
