/** Sends SQL to the backend. A file of its own, so that sql.ts stays pure and its tests need no browser. */
import { post } from '../api/client';
import type { Parameters, SqlAnswer } from './sql';

/** The default row limit of a query: enough for ten charts, and far below the backend's limit. */
export const DEFAULT_MAX_ROWS = 20_000;

/** What a statement is for. The backend serves pages before consoles. */
export type Purpose = 'page' | 'console';

export async function runSql(
  text: string,
  parameters: Parameters,
  purpose: Purpose,
  maxRows = DEFAULT_MAX_ROWS,
  signal?: AbortSignal,
): Promise<SqlAnswer> {
  const response = await post(
    '/api/v1/sql',
    { query: text, format: 'json', parameters, max_rows: maxRows, purpose },
    signal,
  );
  return (await response.json()) as SqlAnswer;
}
