/**
 * A result as CSV (RFC 4180) for spreadsheets: a header line, times as RFC 3339, null as an empty cell and an empty text as `""`.
 * Made from JSON, since only a result with types tells a number from a text that looks like a formula. Pure.
 */
import { safeCell } from '../../format/spreadsheet';
import type { SqlAnswer, Value } from '../../history/sql';
import { isNumeric } from './result';

/** More rows than any backend returns, so that the backend's own limit decides. */
export const ALL_ROWS = Number.MAX_SAFE_INTEGER;

export function toCsv({ columns, rows, truncated }: Pick<SqlAnswer, 'columns' | 'rows' | 'truncated'>): string {
  const numeric = columns.map((column) => isNumeric(column.type));
  const lines = [
    columns.map((column) => quote(safeCell(column.name))),
    ...rows.map((cells) => cells.map((cell, i) => csvCell(cell, numeric[i] ?? false))),
    ...(truncated ? [[quote(cutNote(rows.length))]] : []),
  ];
  return lines.map((cells) => `${cells.join(',')}\r\n`).join('');
}

/** The last line of a file that does not have all rows, and the note beside the button. */
export function cutNote(rows: number): string {
  return `The CSV ends after ${rows.toLocaleString('en')} rows, the backend’s limit. The result has more rows: narrow the query.`;
}

export function csvName({ rows, truncated }: Pick<SqlAnswer, 'rows' | 'truncated'>): string {
  return truncated ? `pganalytics-first-${rows.length}-rows.csv` : 'pganalytics.csv';
}

function csvCell(cell: Value | Value[], numeric: boolean): string {
  if (cell === null) return '';
  if (cell === '') return '""';
  const text = typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
  return quote(numeric ? text : safeCell(text));
}

function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
