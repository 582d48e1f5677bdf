import { describe, expect, it } from 'vitest';
import { chooseBin } from '../range/bins';
import { shortestKept } from './kept';
import { tiered } from './sql';

const DAY = 86_400;
const NOW = 1_800_000_000;
const days = { raw: 7, '5m': 90, '1h': 1827, facts: 1827 };

describe('a range that begins before the rows as collected', () => {
  it('reads the finest table that still has rows, however short the range is', () => {
    const table = (age: number) => {
      const interval = Math.max(10, shortestKept(NOW - age, NOW, days));
      return tiered('pg_stat_database', { bin: chooseBin(3600, interval) });
    };
    expect(table(6 * DAY)).toBe('pg_stat_database');
    expect(table(8 * DAY)).toBe('pg_stat_database_5m');
    expect(table(91 * DAY)).toBe('pg_stat_database_1h');
  });

  it('uses the defaults until the backend answers', () => {
    expect([29, 31, 401].map((age) => shortestKept(NOW - age * DAY, NOW))).toEqual([0, 300, 3600]);
  });
});
