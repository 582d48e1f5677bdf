/**
 * SQL as data: a query has a name, the interval of its tables and a text for a window of time; its rows are objects. Values
 * travel as parameters. Only bins and column names are part of the text.
 */
import type { Schemas } from '../api/client';
import type { Window } from '../range/bins';

export type Value = string | number | boolean | null;
export type Parameters = Record<string, Value>;

export interface SqlQuery<Row, P extends Parameters = Record<never, never>> {
  /** Unique; part of the cache key and of error messages. */
  name: string;
  /** Seconds between two snapshots of the slowest table in the query. No bin is shorter. */
  interval: number;
  text: (window: Window, parameters: P) => string;
  /** The backend cuts the result at this many rows. The default suits charts and top lists. */
  maxRows?: number;
  /** Carries the row type only; never set. */
  row?: Row;
}

/** The row type of a query. */
export type RowOf<Q> = Q extends SqlQuery<infer Row, infer _P> ? Row : never;

export function defineSql<Row, P extends Parameters = Record<never, never>>(query: SqlQuery<Row, P>): SqlQuery<Row, P> {
  return query;
}

/** Cells are scalars in every query of the UI. A user's own SQL can return lists too. */
export type SqlAnswer = Omit<Schemas['Rows'], 'rows'> & { rows: Value[][] };

const NUMERIC = /^(u?int|float|double|decimal|numeric|bigint|real)[^[]*$/i;

/** Rows as objects. The API sends large integers as strings; in numeric columns they become numbers here. */
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

/** Condition: `ts` is within the window. Every query on a table has it, since the backend prunes files and pages by `ts`. */
export const during = 'ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)';

/** Condition: `ts` is within the window or within `lookback` before the window. For facts that are shipped rarely. */
export function since(lookback: string): string {
  return `ts >= cast($from as timestamptz) - interval '${lookback}' and ts < cast($to as timestamptz)`;
}

/** The start of the row's bin, in epoch seconds. */
export function bin(window: Window): string {
  return `cast(extract(epoch from date_bin(interval '${window.bin} seconds', ts)) as bigint)`;
}

/** Rollup tiers with their bin length in seconds, the coarsest first. */
const TIERS = [
  { seconds: 3600, name: '1h' },
  { seconds: 300, name: '5m' },
] as const;

/** The coarsest rollup tier whose bins divide the window's bins evenly. Null means the rows as collected. */
export function tierOf(window: Pick<Window, 'bin'>): (typeof TIERS)[number] | null {
  return TIERS.find((tier) => window.bin % tier.seconds === 0) ?? null;
}

/** The table to query for a window. No other place chooses between rows as collected and rollups. */
export function tiered(table: string, window: Pick<Window, 'bin'>): string {
  const tier = tierOf(window);
  return tier ? `${table}_${tier.name}` : table;
}

/** A gauge's column for a window. In a rollup the plain name is the last value in the bin. */
export function gauge(name: string, take: 'avg' | 'max', window: Pick<Window, 'bin'>): string {
  return tierOf(window) ? `${name}_${take}` : name;
}

/** The parameters of `during` and `since`. A rollup row's `ts` is the start of its bin, so `from` moves back to a bin's start. */
export function windowParameters(window: Window): Parameters {
  const step = tierOf(window)?.seconds ?? 0;
  const from = step > 0 ? Math.floor(window.from / step) * step : window.from;
  return { from: new Date(from * 1000).toISOString(), to: new Date(window.to * 1000).toISOString() };
}
