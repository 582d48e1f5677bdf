import { expect, it } from 'vitest';
import { nestedRows } from './nesting';

interface Row {
  name: string;
  size: number;
  children: Row[];
}
const row = (name: string, size: number, children: Row[] = []): Row => ({ name, size, children });
const rows = [row('small', 1), row('tree', 9, [row('a', 3), row('b', 6)])];
const names = (open: string[]) =>
  nestedRows(rows, (entry) => entry.size, true, {
    childrenOf: (entry) => entry.children,
    isOpen: (entry) => open.includes(entry.name),
  }).map((entry) => entry.name);

it('shows the children of open rows below their parent, in the same order', () => {
  expect(names([])).toEqual(['tree', 'small']);
  expect(names(['tree'])).toEqual(['tree', 'b', 'a', 'small']);
});
