import { describe, expect, it } from 'vitest';
import { deadShare, isUnused, relationMatches, relationName } from './relations';

const relation = { datname: 'shop', schemaname: 'public', relname: 'orders', indexrelname: 'orders_pkey' };

describe('relations', () => {
  it('are named without the schema public', () => {
    expect(relationName(relation)).toBe('orders');
    expect(relationName({ ...relation, schemaname: 'audit' })).toBe('audit.orders');
  });
  it('match if every word matches', () => {
    expect(relationMatches(relation, 'shop PKEY')).toBe(true);
    expect(relationMatches(relation, 'shop customers')).toBe(false);
  });
  it('an empty table has no share of dead rows', () => {
    expect(deadShare(0, 0)).toBeNull();
    expect(deadShare(75, 25)).toBe(0.25);
  });
});

describe('isUnused', () => {
  const index = { scans: 0, is_unique: false, is_primary: false, is_constraint: false };
  it('an index without scans is unused', () => expect(isUnused(index)).toBe(true));
  it('an index with scans is used', () => expect(isUnused({ ...index, scans: 1 })).toBe(false));
  it('a unique index is used', () => expect(isUnused({ ...index, is_unique: true })).toBe(false));
});
