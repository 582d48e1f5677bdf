/** Retention of single tables as text, one `table = days` per line. Pure. */

export function showTables(tables: Record<string, number>): string {
  return Object.entries(tables)
    .map(([table, days]) => `${table} = ${days}`)
    .join('\n');
}

/** The tables of a text, or the problem of its first invalid line. */
export function parseTables(text: string): { tables: Record<string, number> | null; problem: string | null } {
  const tables: Record<string, number> = {};
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const [, table, days] = /^\s*(\w+)\s*=\s*(\d{1,5})\s*$/.exec(line) ?? [];
    if (table === undefined || days === undefined) {
      return { tables: null, problem: `Write '${line.trim()}' as table = days, for example pg_stat_activity = 7` };
    }
    tables[table] = Number(days);
  }
  return { tables, problem: null };
}
