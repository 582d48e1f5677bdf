/**
 * Which indexes a DBA may drop. An index is unused only if none of the watched servers of its cluster scanned it for a long time
 * and nothing else needs it. Pure.
 */
import { parseTime } from '../../format/time';
import type { Nested } from './nesting';
import type { IndexRow, IndexUseRow } from './relations.sql';

/** An index is judged after this time only. Weekly jobs have run once by then. */
export const LEAST_OBSERVED_SECONDS = 7 * 86_400;

/** The share of that time in which the server must have been read. */
const LEAST_WATCHED = 0.9;

export type Verdict =
  /** Nothing needs the index. */
  | 'unused'
  /** No scan yet, but the index is not known long enough. */
  | 'new'
  /** The index was scanned. */
  | 'used'
  /** The index enforces a rule or identifies rows for replication. */
  | 'needed'
  /** The index belongs to a partitioned index and can only be dropped with it. */
  | 'partition'
  /** The index no longer exists. */
  | 'gone'
  /** Not all facts are known. */
  | 'unknown';

export type FindUse = (index: IndexRow) => IndexUseRow[];

/** The use of an index under all of its names; rows without oid are found by the present name. */
export function usageByIndex(rows: IndexUseRow[]): FindUse {
  const byOid = ({ datname, oid }: Pick<IndexRow, 'datname' | 'oid'>) => `${datname}/${oid}`;
  const byName = ({ datname, schemaname, indexrelname }: Pick<IndexRow, 'datname' | 'schemaname' | 'indexrelname'>) =>
    `${datname}/${schemaname}.${indexrelname}`;
  const uses = new Map<string, IndexUseRow[]>();
  for (const row of rows) {
    const key = row.oid === null ? byName(row) : byOid(row);
    const known = uses.get(key) ?? [];
    known.push(row);
    uses.set(key, known);
  }
  return (index) => [...(uses.get(byOid(index)) ?? []), ...(uses.get(byName(index)) ?? [])];
}

/** `from` and `to`: the judged range, in epoch seconds. It has at least `LEAST_OBSERVED_SECONDS`. */
export function verdictOf(index: Nested<IndexRow>, findUse: FindUse, from: number, to: number): Verdict {
  if (index.gone) return 'gone';
  if (index.parent !== null) return 'partition';
  if (index.is_unique || index.is_primary || index.is_constraint || index.is_replica_identity) return 'needed';
  if (index.is_unique === null || index.is_constraint === null || index.is_replica_identity === null) return 'unknown';
  const uses = usesOf(index, findUse);
  if (uses.some((use) => (use.scans ?? 0) > 0 || (parseTime(use.last_scan) ?? 0) >= from)) return 'used';
  const firstSeen = uses.flatMap((use) => parseTime(use.first_seen) ?? []);
  if (firstSeen.length === 0) return 'unknown';
  const watched = Math.max(...uses.map((use) => use.watched ?? 0));
  const observed = to - Math.min(...firstSeen);
  return observed >= LEAST_OBSERVED_SECONDS && watched >= LEAST_OBSERVED_SECONDS * LEAST_WATCHED ? 'unused' : 'new';
}

/** The use of the index and of its partitions, also of dropped ones. */
function usesOf(index: Nested<IndexRow>, findUse: FindUse): IndexUseRow[] {
  return [...findUse(index), ...index.children.flatMap((child) => usesOf(child, findUse))];
}
