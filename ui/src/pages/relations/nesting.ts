/**
 * Relations as trees: partitions below their partitioned table, and tables below the table that they inherit from. The figures of
 * a tree are the sums over its relations. Each relation has one parent, so a sum over the trees counts every relation once. Pure.
 */
import { parseTime } from '../../format/time';
import type { IndexRow, Relation, TableRow } from './relations.sql';

/** A relation with the sums of its tree. */
export type Nested<Row> = Row & {
  key: string;
  depth: number;
  children: Nested<Row>[];
  /** Relations of the tree that still exist, without partitioned tables and indexes themselves. */
  leaves: number;
  /** Not read for `GONE_SECONDS`: dropped, renamed, or in a database that cannot be read. */
  gone: boolean;
};

/** An idle relation is shipped hourly. Without a row for this long, the relation is no longer read. */
export const GONE_SECONDS = 5400;

interface Kind<Row extends Relation> {
  name: (row: Row) => string;
  /** Whether the row has no storage of its own. */
  isPartitioned: (row: Row) => boolean;
  /** A row for a parent that is not in the list; null if its children stand by themselves. */
  missing: ((child: Row) => Row) | null;
  add: (sum: Row, row: Row) => Row;
}

export function nestTables(rows: TableRow[]): Nested<TableRow>[] {
  return nest(rows, {
    name: (row) => `${row.schemaname}.${row.relname}`,
    isPartitioned: (row) => row.kind === 'partitioned table',
    missing: null,
    add: (sum, row) => ({ ...sum, ...addFigures(sum, row, TABLE_SUMS), ...oldestTimes(sum, row) }),
  });
}

export function nestIndexes(rows: IndexRow[]): Nested<IndexRow>[] {
  const parents = new Set(rows.map((row) => `${row.datname}/${row.parent}`));
  return nest(rows, {
    name: (row) => `${row.schemaname}.${row.relname}.${row.indexrelname}`,
    isPartitioned: (row) => parents.has(`${row.datname}/${row.oid}`),
    missing: partitionedIndex,
    add: (sum, row) => ({ ...sum, ...addFigures(sum, row, INDEX_SUMS) }),
  });
}

const SUMS = ['size', 'size_before', 'hit', 'fetched'] as const;
const TABLE_SUMS = [
  ...SUMS,
  'seq_scan',
  'seq_tup_read',
  'idx_scan',
  'written',
  'updated',
  'hot_updated',
  'live',
  'dead',
] as const;
const INDEX_SUMS = [...SUMS, 'scans', 'tuples'] as const;

function nest<Row extends Relation>(rows: Row[], kind: Kind<Row>): Nested<Row>[] {
  const keyOf = (row: Row) => `${row.datname}/${row.oid ?? kind.name(row)}`;
  const parentOf = (row: Row) => (row.parent === null ? null : `${row.datname}/${row.parent}`);
  const all = new Map(withoutOids(rows, kind).map((row) => [keyOf(row), row]));
  if (kind.missing) {
    for (const row of rows) {
      const parent = parentOf(row);
      if (parent !== null && !all.has(parent)) all.set(parent, kind.missing(row));
    }
  }
  const children = new Map<string, Row[]>();
  const roots: Row[] = [];
  for (const row of all.values()) {
    const parent = parentOf(row);
    const siblings = parent !== null && all.has(parent) ? (children.get(parent) ?? []) : roots;
    siblings.push(row);
    if (parent !== null && siblings !== roots) children.set(parent, siblings);
  }
  const build = (row: Row, depth: number): Nested<Row> => {
    const key = keyOf(row);
    const below = (children.get(key) ?? []).map((child) => build(child, depth + 1));
    const gone = isGone(row);
    const sum = below.reduce<Row>((total, child) => kind.add(total, remains(child, gone)), row);
    const own = gone || (below.length > 0 && kind.isPartitioned(row)) ? 0 : 1;
    const leaves = below.reduce((count, child) => count + child.leaves, own);
    return { ...sum, key, depth, children: below, leaves, gone };
  };
  return roots.map((row) => build(row, 0));
}

/** Rows of a collector without oids become part of the relation that has their name now. */
function withoutOids<Row extends Relation>(rows: Row[], kind: Kind<Row>): Row[] {
  const nameOf = (row: Row) => `${row.datname}/${kind.name(row)}`;
  const earlier = new Map(rows.flatMap((row) => (row.oid === null ? [[nameOf(row), row]] : [])));
  const merged = rows.flatMap((row) => {
    const before = row.oid === null ? undefined : earlier.get(nameOf(row));
    if (!before) return row.oid === null ? [] : [row];
    earlier.delete(nameOf(row));
    const { size, last_seen } = row;
    return [{ ...kind.add(row, before), size: size ?? before.size, size_before: before.size_before, last_seen }];
  });
  return [...merged, ...earlier.values()];
}

function isGone(row: Relation): boolean {
  const [last, newest] = [parseTime(row.last_seen), parseTime(row.newest_seen)];
  return last !== null && newest !== null && newest - last > GONE_SECONDS;
}

/** A dropped partition adds nothing to its parent's size. Its size at the start of the range makes the tree shrink. */
function remains<Row extends Relation>(child: Nested<Row>, parentGone: boolean): Nested<Row> {
  return child.gone && !parentGone ? { ...child, size: 0 } : child;
}

/** Sums of two rows. Null only if both are null. */
function addFigures<Row, Name extends keyof Row>(a: Row, b: Row, names: readonly Name[]): Partial<Row> {
  const sums: Partial<Row> = {};
  for (const name of names) {
    const [x, y] = [a[name] as number | null, b[name] as number | null];
    sums[name] = (x === null && y === null ? null : (x ?? 0) + (y ?? 0)) as Row[Name];
  }
  return sums;
}

/** The oldest known time of the tree: the partition that waits longest. */
function oldestTimes(a: TableRow, b: TableRow): Pick<TableRow, 'vacuumed' | 'analyzed'> {
  const oldest = (x: string | null, y: string | null) => (x === null || (y !== null && y < x) ? y : x);
  return { vacuumed: oldest(a.vacuumed, b.vacuumed), analyzed: oldest(a.analyzed, b.analyzed) };
}

/** The row of a partitioned index that is known from its partitions only, and so without its name. */
function partitionedIndex(child: IndexRow): IndexRow {
  return {
    ...child,
    oid: child.parent,
    indexrelname: `partitioned index of ${child.indexrelname}`,
    relname: null,
    parent: null,
    size: null,
    size_before: null,
    scans: null,
    tuples: null,
    hit: null,
    fetched: null,
    last_seen: child.newest_seen,
  };
}

/** Growth since the start of the range. */
export function growthOf({ size, size_before }: Relation): number | null {
  return size === null || size_before === null ? null : size - size_before;
}

/** The size of all relations that still exist. */
export function totalSize(trees: Nested<Relation>[]): number {
  return trees.reduce((sum, tree) => sum + (tree.gone ? 0 : (tree.size ?? 0)), 0);
}

/** All relations of the trees, parents before their children. */
export function flat<Row>(trees: Nested<Row>[]): Nested<Row>[] {
  return trees.flatMap((tree) => [tree, ...flat(tree.children)]);
}
