/** Rows below rows: the sorted rows of a table, each open row followed by its sorted children. Pure. */
import { type Key, sortRows } from './sorting';

export interface Nesting<Row> {
  childrenOf: (row: Row) => Row[];
  isOpen: (row: Row) => boolean;
}

export function nestedRows<Row>(
  rows: Row[],
  key: ((row: Row) => Key) | undefined,
  descending: boolean,
  nesting: Nesting<Row> | undefined,
): Row[] {
  const sorted = sortRows(rows, key, descending);
  if (!nesting) return sorted;
  return sorted.flatMap((row) =>
    nesting.isOpen(row) ? [row, ...nestedRows(nesting.childrenOf(row), key, descending, nesting)] : [row],
  );
}
