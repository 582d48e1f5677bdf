import { describe, expect, it } from 'vitest';
import { toChart } from './result';

const answer = (columns: [string, string][], rows: (string | number | null)[][]) => ({
  columns: columns.map(([name, type]) => ({ name, type })),
  rows,
  truncated: false,
  elapsed_ms: 1,
});

describe('toChart', () => {
  it('draws numbers over time', () => {
    const chart = toChart(
      answer(
        [
          ['minute', 'Timestamp(Microsecond, Some("UTC"))'],
          ['n', 'Int64'],
        ],
        [
          ['2025-01-01T00:01:00Z', 2],
          ['2025-01-01T00:00:00Z', 1],
        ],
      ),
    );
    expect(chart?.series.map((line) => [line.name, line.values])).toEqual([['n', [1, 2]]]);
  });

  it('names lines by a text column, and leaves a gap where a line has no row', () => {
    const chart = toChart(
      answer(
        [
          ['t', 'Int64'],
          ['server', 'Utf8'],
          ['v', 'Float64'],
        ],
        [
          [1_735_689_600, 'a', 1],
          [1_735_689_660, 'a', null],
          [1_735_689_660, 'b', 3],
        ],
      ),
    );
    expect(chart?.series.map((line) => [line.name, line.values])).toEqual([
      ['a', [1, null]],
      ['b', [null, 3]],
    ]);
  });

  it('needs a time and a number', () => {
    expect(toChart(answer([['n', 'Int64']], [[1], [2]]))).toBeNull();
    expect(toChart(answer([['ts', 'Timestamp']], [['2025-01-01T00:00:00Z'], ['2025-01-01T00:01:00Z']]))).toBeNull();
    expect(
      toChart(
        answer(
          [
            ['t', 'Int64'],
            ['n', 'Int64'],
          ],
          [],
        ),
      ),
    ).toBeNull();
  });
});
