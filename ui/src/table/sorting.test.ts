import { describe, expect, it } from 'vitest';
import { readSort, sortRows, toTsv, writeSort } from './sorting';

describe('sorting', () => {
  it.each(['name', '-time'])('%s round-trips', (text) => expect(writeSort(readSort(text))).toBe(text));

  it('puts rows without a value last in both directions', () => {
    const rows = [{ v: null }, { v: 2 }, { v: 1 }];
    expect(sortRows(rows, (row) => row.v, false).map((row) => row.v)).toEqual([1, 2, null]);
    expect(sortRows(rows, (row) => row.v, true).map((row) => row.v)).toEqual([2, 1, null]);
  });

  it('sorts digits in names as numbers', () => {
    expect(sortRows(['db-10', 'db-9'], (name) => name, false)).toEqual(['db-9', 'db-10']);
  });
});

describe('toTsv', () => {
  it('keeps each cell on one line', () => expect(toTsv([['a\nb', 'c\td']])).toBe('a b\tc d'));
  it('makes no cell a formula', () => expect(toTsv([['=1+1', '\n-- x', '-5']])).toBe("'=1+1\t'-- x\t-5"));
});
