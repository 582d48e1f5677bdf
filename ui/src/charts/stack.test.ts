import { describe, expect, it } from 'vitest';
import { hasData, newest, peak, type Series, stacked, visible } from './stack';

const color = { light: '#000000', dark: '#ffffff' };
const series = (name: string, values: (number | null)[]): Series => ({ name, color, values, overall: null });

describe('stacked', () => {
  it('sums from the first series up', () => {
    expect(stacked([series('a', [1, 2]), series('b', [3, 4])])).toEqual([
      [1, 2],
      [4, 6],
    ]);
  });

  it('has a gap only where no series has a value', () => {
    expect(stacked([series('a', [null, null, 1]), series('b', [null, 4, null])])).toEqual([
      [null, 0, 1],
      [null, 4, 1],
    ]);
  });
});

describe('visible', () => {
  const all = [series('a', [1]), series('b', [2])];
  it('isolates the chosen series', () => expect(visible(all, 'b').map((entry) => entry.name)).toEqual(['b']));
  it('shows all without the isolated series', () => expect(visible(all, 'c')).toHaveLength(2));
});

describe('summaries', () => {
  it('zero is data, null is not', () => {
    expect(hasData([series('a', [null, 0])])).toBe(true);
    expect(hasData([series('a', [null, null])])).toBe(false);
  });
  it('newest values and peaks skip gaps', () => {
    expect(newest([1, 3, null])).toBe(3);
    expect(newest([null])).toBeNull();
    expect(peak([series('a', [1, null]), series('b', [2, 5])], true)).toBe(5);
    expect(peak([series('a', [1, 7]), series('b', [2, 5])], false)).toBe(7);
  });
});
