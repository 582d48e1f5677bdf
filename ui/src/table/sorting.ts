/** Sorting, and its form in the URL: `sort=name` ascending, `sort=-time` descending. Rows without a value are always last. */
import { safeCell } from '../format/spreadsheet';

export type Key = string | number | boolean | null | undefined;

export interface Sort {
  key: string;
  descending: boolean;
}

export function readSort(text: string): Sort {
  return text.startsWith('-') ? { key: text.slice(1), descending: true } : { key: text, descending: false };
}

export function writeSort(sort: Sort): string {
  return (sort.descending ? '-' : '') + sort.key;
}

export function compare(a: Key, b: Key, descending: boolean): number {
  const [noA, noB] = [a === null || a === undefined, b === null || b === undefined];
  if (noA || noB) return Number(noA) - Number(noB);
  const order =
    typeof a === 'string' && typeof b === 'string'
      ? a.localeCompare(b, 'en', { numeric: true })
      : Number(a) - Number(b);
  return descending ? -order : order;
}

export function sortRows<Row>(rows: Row[], key: ((row: Row) => Key) | undefined, descending: boolean): Row[] {
  if (!key) return rows;
  return rows
    .map((row) => [key(row), row] as const)
    .sort(([a], [b]) => compare(a, b, descending))
    .map(([, row]) => row);
}

/** Tab-separated values for spreadsheets. Tabs and line ends inside a cell become blanks, and no cell is a formula. */
export function toTsv(rows: string[][]): string {
  return rows
    .map((cells) => cells.map((cell) => safeCell(cell.replace(/[\t\r\n]+/g, ' ').trimStart())).join('\t'))
    .join('\n');
}
