import { describe, expect, it } from 'vitest';
import { gauge, tiered, windowParameters } from './sql';

describe('the table of a window', () => {
  it.each([
    [10, 'pg_stat_database'],
    [120, 'pg_stat_database'],
    [300, 'pg_stat_database_5m'],
    [1800, 'pg_stat_database_5m'],
    [3600, 'pg_stat_database_1h'],
    [604_800, 'pg_stat_database_1h'],
  ])('with bins of %i s is %s', (bin, table) => {
    expect(tiered('pg_stat_database', { bin })).toBe(table);
  });

  it('takes a gauge from the rollup’s own column', () => {
    expect(gauge('size', 'avg', { bin: 60 })).toBe('size');
    expect(gauge('size', 'max', { bin: 3600 })).toBe('size_max');
  });

  it('keeps the first bin of a rollup whole, and leaves rows as collected alone', () => {
    const from = (bin: number) => windowParameters({ from: 3700, to: 9000, bin }).from;
    expect(from(60)).toBe('1970-01-01T01:01:40.000Z');
    expect(from(300)).toBe('1970-01-01T01:00:00.000Z');
  });
});
