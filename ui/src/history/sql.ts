/**
 * SQL as the UI uses it: a query is data (a name, how often its tables get a row, its text for a window of time), and
 * its rows are objects. Values travel as parameters, never inside the text; only bins and column names are written in.
 */
import type { Schemas } from '../api/client';
import type { Window } from '../range/bins';

export type Value = string | number | boolean | null;
export type Parameters = Record<string, Value>;

export interface SqlQuery<Row, P extends Parameters = Record<never, never>> {
  /** Unique; part of the cache key and of error messages. */
  name: string;
  /** Seconds between two snapshots of the slowest table it reads: no bin is shorter. */
  interval: number;
  text: (window: Window, parameters: P) => string;
  /** More rows than this are cut by the backend; the default suits charts and top lists. */
  maxRows?: number;
  /** Only a type: what a row holds. */
  row?: Row;
}

/** The row type of a query. */
export type RowOf<Q> = Q extends SqlQuery<infer Row, infer _P> ? Row : never;

export function defineSql<Row, P extends Parameters = Record<never, never>>(query: SqlQuery<Row, P>): SqlQuery<Row, P> {
  return query;
}

/** Cells are scalars in every query of the UI; what a reader writes may have lists too. */
export type SqlAnswer = Omit<Schemas['Rows'], 'rows'> & { rows: Value[][] };

const NUMERIC = /^(u?int|float|double|decimal|numeric|bigint|real)[^[]*$/i;

/** Rows as objects. Integers too big for JSON come as strings; where the column is numeric they become numbers here. */
export function toObjects<Row>(answer: SqlAnswer): Row[] {
  const numeric = answer.columns.map((column) => NUMERIC.test(column.type));
  return answer.rows.map((cells) => {
    const row: Record<string, Value> = {};
    answer.columns.forEach((column, i) => {
      const cell = cells[i] ?? null;
      row[column.name] = numeric[i] && typeof cell === 'string' ? Number(cell) : cell;
    });
    return row as Row;
  });
}

/** `ts` within the window. The backend prunes files and pages by it, so every query on a table has it. */
export const during = 'ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)';

/** `ts` within the window or the time before it, for facts that are shipped rarely. */
export function since(lookback: string): string {
  return `ts >= cast($from as timestamptz) - interval '${lookback}' and ts < cast($to as timestamptz)`;
}

/** The start of the bin a row falls in, epoch seconds. */
export function bin(window: Window): string {
  return `cast(extract(epoch from date_bin(interval '${window.bin} seconds', ts)) as bigint)`;
}

/** Rollups, the coarsest first: rows of a table summed over bins of so many seconds. */
const TIERS = [
  { seconds: 3600, name: '1h' },
  { seconds: 300, name: '5m' },
] as const;

/** The rollup that answers for a window: the coarsest whose bins fill the window's. Null is the rows as collected. */
export function tierOf(window: Pick<Window, 'bin'>): (typeof TIERS)[number] | null {
  return TIERS.find((tier) => window.bin % tier.seconds === 0) ?? null;
}

/** The table to ask for a window: the one place that chooses between rows as collected and rollups. */
export function tiered(table: string, window: Pick<Window, 'bin'>): string {
  const tier = tierOf(window);
  return tier ? `${table}_${tier.name}` : table;
}

/** A gauge's column for a window: in a rollup the plain name is its last value in a bin. */
export function gauge(name: string, take: 'avg' | 'max', window: Pick<Window, 'bin'>): string {
  return tierOf(window) ? `${name}_${take}` : name;
}

/** The parameters `during` and `since` need. A rollup's row stands at its bin's start, which the window must not cut off. */
export function windowParameters(window: Window): Parameters {
  const step = tierOf(window)?.seconds ?? 0;
  const from = step > 0 ? Math.floor(window.from / step) * step : window.from;
  return { from: new Date(from * 1000).toISOString(), to: new Date(window.to * 1000).toISOString() };
}
