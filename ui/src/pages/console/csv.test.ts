import { describe, expect, it } from 'vitest';
import type { SqlAnswer } from '../../history/sql';
import { csvName, toCsv } from './csv';

const answer = (columns: [string, string][], rows: unknown[][], truncated = false) => ({
  columns: columns.map(([name, type]) => ({ name, type })),
  rows: rows as SqlAnswer['rows'],
  truncated,
});

describe('toCsv', () => {
  it('quotes, and tells null from an empty text', () => {
    const csv = toCsv(
      answer(
        [
          ['a', 'text'],
          ['b', 'int8'],
        ],
        [
          ['x,"y"\nz', 1],
          [null, null],
          ['', 0],
        ],
      ),
    );
    expect(csv).toBe('a,b\r\n"x,""y""\nz",1\r\n,\r\n"",0\r\n');
  });

  it('makes texts safe for spreadsheets, and leaves numbers alone', () => {
    const csv = toCsv(
      answer(
        [
          ['=cmd', 'text'],
          ['n', 'float8'],
          ['big', 'int8'],
        ],
        [
          ['=1+1', -1.5, '-9007199254740993'],
          ['@x', 0, 1],
          ['-- comment', 1, 2],
          ['-5', 1, 2],
        ],
      ),
    );
    expect(csv.split('\r\n')).toEqual([
      "'=cmd,n,big",
      "'=1+1,-1.5,-9007199254740993",
      "'@x,0,1",
      "'-- comment,1,2",
      '-5,1,2',
      '',
    ]);
  });

  it('has lists and booleans', () => {
    expect(
      toCsv(
        answer(
          [
            ['a', 'int8[]'],
            ['b', 'bool'],
          ],
          [[[1, null], true]],
        ),
      ),
    ).toBe('a,b\r\n"[1,null]",true\r\n');
  });

  it('says where it ends if it does not have all rows', () => {
    const cut = answer([['a', 'int8']], [[1], [2]], true);
    expect(toCsv(cut).split('\r\n')[3]).toContain('The CSV ends after 2 rows');
    expect(csvName(cut)).toBe('pganalytics-first-2-rows.csv');
    expect(csvName(answer([], []))).toBe('pganalytics.csv');
  });
});
