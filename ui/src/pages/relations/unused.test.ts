import { describe, expect, it } from 'vitest';
import { type Nested, nestIndexes } from './nesting';
import type { IndexRow, IndexUseRow } from './relations.sql';
import { usageByIndex, verdictOf } from './unused';

const TO = Date.parse('2025-12-01T12:00:00Z') / 1000;
const DAY = 86_400;
const FROM = TO - 7 * DAY;
const at = (epoch: number) => new Date(epoch * 1000).toISOString();

const index = (part: Partial<IndexRow> = {}): IndexRow => ({
  datname: 'shop',
  schemaname: 'public',
  relname: 'orders',
  indexrelname: 'orders_note',
  oid: 1,
  parent: null,
  method: 'btree',
  is_unique: false,
  is_primary: false,
  is_constraint: false,
  is_replica_identity: false,
  is_valid: true,
  size: 8192,
  size_before: 8192,
  scans: 0,
  tuples: 0,
  hit: 0,
  fetched: 0,
  last_seen: at(TO),
  newest_seen: at(TO),
  ...part,
});

const use = (part: Partial<IndexUseRow> = {}): IndexUseRow => ({
  datname: 'shop',
  schemaname: 'public',
  indexrelname: 'orders_note',
  oid: 1,
  scans: 0,
  last_scan: null,
  first_seen: at(FROM - 3600),
  watched: 7 * DAY,
  ...part,
});

const verdict = (indexes: IndexRow[], uses: IndexUseRow[]) => {
  const [tree] = nestIndexes(indexes);
  return verdictOf(tree as Nested<IndexRow>, usageByIndex(uses), FROM, TO);
};

describe('an index without scans', () => {
  it('is unused after seven days', () => expect(verdict([index()], [use()])).toBe('unused'));

  it.each([
    ['a primary key', { is_primary: true, is_unique: true }],
    ['a unique index', { is_unique: true }],
    ['an index of a constraint', { is_constraint: true }],
    ['a replica identity', { is_replica_identity: true }],
  ])('is needed if it is %s', (_, part) => expect(verdict([index(part)], [use()])).toBe('needed'));

  it.each([
    ['minutes old', { first_seen: at(TO - 300) }],
    ['six days old', { first_seen: at(TO - 6 * DAY) }],
  ])('is not judged if it is %s', (_, part) => expect(verdict([index()], [use(part)])).toBe('new'));

  it('is not judged if the server was not read most of the time', () => {
    expect(verdict([index()], [use({ watched: 2 * DAY })])).toBe('new');
  });

  it('is gone if it was dropped', () => {
    expect(verdict([index({ last_seen: at(TO - 7200) })], [use()])).toBe('gone');
  });

  it('is used if a standby scans it', () => expect(verdict([index()], [use({ scans: 4 })])).toBe('used'));

  it('is used if the server reports a scan that the collector did not see', () => {
    expect(verdict([index()], [use({ last_scan: at(TO - DAY) })])).toBe('used');
    expect(verdict([index()], [use({ last_scan: at(TO - 30 * DAY) })])).toBe('unused');
  });

  it('is used if it was scanned under another name, or before the collector shipped oids', () => {
    expect(verdict([index()], [use(), use({ indexrelname: 'note_old', scans: 1 })])).toBe('used');
    expect(verdict([index()], [use(), use({ oid: null, scans: 1 })])).toBe('used');
  });

  it('has no verdict while facts are missing', () => {
    expect(verdict([index({ is_replica_identity: null })], [use()])).toBe('unknown');
    expect(verdict([index()], [])).toBe('unknown');
  });
});

describe('an index of a partition', () => {
  const partitions = [1, 2].map((n) =>
    index({ indexrelname: `events_${n}_at`, relname: `events_${n}`, oid: 10 + n, parent: 9 }),
  );
  const uses = (scans: number, young = false) => [
    use({ oid: 11 }),
    use({ oid: 12, scans, ...(young ? { first_seen: at(TO - 300) } : {}) }),
  ];

  it('can only be dropped with its partitioned index', () => {
    const [tree] = nestIndexes(partitions);
    const [child] = tree?.children ?? [];
    expect(verdictOf(child as Nested<IndexRow>, usageByIndex(uses(0)), FROM, TO)).toBe('partition');
  });

  it('is unused as a whole if no partition is scanned', () => expect(verdict(partitions, uses(0))).toBe('unused'));
  it('is used as a whole if one partition is scanned', () => expect(verdict(partitions, uses(1))).toBe('used'));
  it('is as old as its oldest partition', () => expect(verdict(partitions, uses(0, true))).toBe('unused'));
});
