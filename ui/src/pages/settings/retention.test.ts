import { describe, expect, it } from 'vitest';
import { parseTables, showTables } from './retention';

describe('days of single tables', () => {
  it('parse to the same tables', () => {
    const tables = { pg_stat_activity: 7, pg_stat_io_1h: 900 };
    expect(parseTables(showTables(tables))).toEqual({ tables, problem: null });
    expect(parseTables('\n  a=1  \n')).toEqual({ tables: { a: 1 }, problem: null });
  });

  it.each(['a', 'a = x', 'a = 1 day', '= 3', 'a = -1'])('refuse %s with an example', (line) => {
    expect(parseTables(line)).toEqual({
      tables: null,
      problem: `Write '${line}' as table = days, for example pg_stat_activity = 7`,
    });
  });
});
