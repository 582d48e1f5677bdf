import { describe, expect, it } from 'vitest';
import { deadShare, relationMatches, relationName } from './relations';

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
