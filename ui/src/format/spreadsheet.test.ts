import { describe, expect, it } from 'vitest';
import { safeCell } from './spreadsheet';

describe('a cell for a spreadsheet', () => {
  it.each([
    '=1+1',
    '=HYPERLINK("http://x")',
    '+1+1',
    '-1+1',
    '-- comment',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '＝1',
    '+',
    '-',
  ])('is text: %j', (text) => expect(safeCell(text)).toBe(`'${text}`));

  it.each(['-5', '+5', '-0.25', '-1e-9', '-12 %', '+12 %', 'select 1', '', "'x", '2025-12-01T00:00:00Z', 'a=b'])(
    'stays as it is: %j',
    (text) => expect(safeCell(text)).toBe(text),
  );
});
