/** Asks the backend. Apart from sql.ts, which is pure and needs no browser. */
import { post } from '../api/client';
import type { Parameters, SqlAnswer } from './sql';

/** Rows the UI asks for at most where a query says nothing else: ten charts' worth, and far below the backend's cap. */
export const DEFAULT_MAX_ROWS = 20_000;

export async function runSql(
  text: string,
  parameters: Parameters,
  maxRows = DEFAULT_MAX_ROWS,
  signal?: AbortSignal,
): Promise<SqlAnswer> {
  const response = await post('/api/v1/sql', { query: text, format: 'json', parameters, max_rows: maxRows }, signal);
  return (await response.json()) as SqlAnswer;
}
