import { describe, expect, it } from 'vitest';
import { flat, growthOf, nestIndexes, nestTables, totalSize } from './nesting';
import type { IndexRow, TableRow } from './relations.sql';

const NOW = '2025-12-01T12:00:00Z';

/** Oids by name, so that a test can name a parent. */
const oids = new Map<string, number>();
function oidOf(name: string): number {
  const oid = oids.get(name) ?? 16_384 + oids.size;
  oids.set(name, oid);
  return oid;
}

const table = (relname: string, part: Partial<TableRow> = {}): TableRow => ({
  datname: 'shop',
  schemaname: 'public',
  relname,
  oid: oidOf(relname),
  kind: 'table',
  parent: null,
  size: 100,
  size_before: 90,
  seq_scan: 1,
  seq_tup_read: 1,
  idx_scan: 1,
  written: 1,
  updated: 10,
  hot_updated: 5,
  live: 75,
  dead: 25,
  hit: 9,
  fetched: 10,
  vacuumed: null,
  analyzed: null,
  last_seen: NOW,
  newest_seen: NOW,
  ...part,
});

const partitioned = (relname: string, part: Partial<TableRow> = {}) =>
  table(relname, {
    kind: 'partitioned table',
    size: null,
    size_before: null,
    seq_scan: 0,
    seq_tup_read: 0,
    idx_scan: null,
    written: 0,
    updated: 0,
    hot_updated: 0,
    live: 0,
    dead: 0,
    hit: null,
    fetched: null,
    ...part,
  });

const fifty = Array.from({ length: 50 }, (_, i) => table(`events_${i}`, { parent: oidOf('events') }));

describe('a partitioned table', () => {
  const trees = nestTables([partitioned('events'), ...fifty, table('orders')]);
  const events = trees.find((tree) => tree.relname === 'events');

  it('has the sums of its 50 partitions', () => {
    expect(events).toMatchObject({ size: 5000, size_before: 4500, written: 50, live: 3750, dead: 1250, leaves: 50 });
  });

  it('has ratios of sums', () => {
    expect(events).toMatchObject({ hit: 450, fetched: 500, updated: 500, hot_updated: 250 });
  });

  it('leads to each partition', () => {
    expect(events?.children.map((child) => child.relname)).toEqual(fifty.map((row) => row.relname));
    expect(events?.children.every((child) => child.depth === 1 && child.size === 100)).toBe(true);
  });

  it('counts once in the total', () => {
    expect(totalSize(trees)).toBe(5100);
    expect(flat(trees)).toHaveLength(52);
  });

  it('sums over levels', () => {
    const [root] = nestTables([
      partitioned('events'),
      partitioned('events_2025', { parent: oidOf('events') }),
      table('events_2025_11', { parent: oidOf('events_2025') }),
      table('events_2025_12', { parent: oidOf('events_2025') }),
    ]);
    expect(root).toMatchObject({ size: 200, leaves: 2 });
    expect(root?.children[0]).toMatchObject({ size: 200, leaves: 2, depth: 1 });
  });

  it('belongs to its database', () => {
    const trees = nestTables([partitioned('events'), table('events_1', { datname: 'other', parent: oidOf('events') })]);
    expect(trees.map((tree) => [tree.datname, tree.size])).toEqual([
      ['shop', null],
      ['other', 100],
    ]);
  });

  it('has the vacuum of the partition that waits longest', () => {
    const [root] = nestTables([
      partitioned('events'),
      table('events_1', { parent: oidOf('events'), vacuumed: '2025-12-01T00:00:00Z' }),
      table('events_2', { parent: oidOf('events'), vacuumed: '2025-11-01T00:00:00Z' }),
    ]);
    expect(root?.vacuumed).toBe('2025-11-01T00:00:00Z');
  });
});

describe('a table with inheriting tables', () => {
  it('has its own figures and those of its children', () => {
    const [root] = nestTables([
      table('metrics'),
      table('_chunk_1', { schemaname: 'internal', parent: oidOf('metrics') }),
    ]);
    expect(root).toMatchObject({ size: 200, leaves: 2 });
  });
});

describe('rows from before the collector shipped oids', () => {
  it('belong to the relation of their name', () => {
    const trees = nestTables([
      table('orders', { size: 300, size_before: 200 }),
      table('orders', { oid: null, size: 200, size_before: 100, last_seen: '2025-12-01T09:00:00Z' }),
      table('old', { oid: null }),
    ]);
    expect(trees.map((tree) => [tree.relname, tree.size, growthOf(tree), tree.written, tree.gone])).toEqual([
      ['orders', 300, 200, 2, false],
      ['old', 100, 10, 1, false],
    ]);
  });
});

describe('a relation that is no longer read', () => {
  const dropped = { last_seen: '2025-12-01T10:00:00Z' };

  it('is marked after 90 minutes and not part of the total', () => {
    const trees = nestTables([table('old', dropped), table('idle', { last_seen: '2025-12-01T10:45:00Z' })]);
    expect(trees.map((tree) => tree.gone)).toEqual([true, false]);
    expect(totalSize(trees)).toBe(100);
  });

  it('adds nothing to its parent’s size, and its former size to the shrinking', () => {
    const [root] = nestTables([
      partitioned('events'),
      table('events_1', { parent: oidOf('events') }),
      table('events_0', { parent: oidOf('events'), ...dropped }),
    ]);
    expect(root).toMatchObject({ size: 100, size_before: 180, leaves: 1 });
    expect(root && growthOf(root)).toBe(-80);
  });
});

describe('a partitioned index', () => {
  const index = (indexrelname: string, part: Partial<IndexRow> = {}): IndexRow => ({
    datname: 'shop',
    schemaname: 'public',
    relname: 'events_1',
    indexrelname,
    oid: oidOf(indexrelname),
    parent: oidOf('events_at'),
    method: 'btree',
    is_unique: false,
    is_primary: false,
    is_constraint: false,
    is_replica_identity: false,
    is_valid: true,
    size: 100,
    size_before: 100,
    scans: 3,
    tuples: 30,
    hit: 1,
    fetched: 2,
    last_seen: NOW,
    newest_seen: NOW,
    ...part,
  });

  it('is known from its partitions, and has their sums', () => {
    const trees = nestIndexes([index('events_1_at'), index('events_2_at')]);
    expect(trees).toHaveLength(1);
    expect(trees[0]).toMatchObject({ oid: oidOf('events_at'), relname: null, size: 200, scans: 6, leaves: 2 });
  });

  it('is its own row if the server reports it', () => {
    const [tree, ...others] = nestIndexes([
      index('events_at', {
        relname: 'events',
        parent: null,
        size: null,
        scans: null,
        tuples: null,
        hit: null,
        fetched: null,
      }),
      index('events_1_at'),
    ]);
    expect(others).toEqual([]);
    expect(tree).toMatchObject({ relname: 'events', size: 100, scans: 3, leaves: 1 });
  });
});
