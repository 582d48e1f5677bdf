import { describe, expect, it } from 'vitest';
import { CHARTS, type Chart } from './charts';
import type { QuerySeriesRow } from './queries.sql';
import { statementFigures, statementSeries } from './series';

const window = { from: 0, to: 240, bin: 60 };
const row = (t: number, part: Partial<QuerySeriesRow>): QuerySeriesRow => ({
  t,
  calls: 0,
  time: 0,
  rows: 0,
  hit: 0,
  read: 0,
  dirtied: 0,
  shared_hit: 0,
  shared_read: 0,
  read_time: 0,
  temp: 0,
  wal: 0,
  ...part,
});
const collected = [0, 60, 180].map((t) => ({ t, seconds: 60, time: 4000 }));
const chart = (title: string) => CHARTS.find((entry) => entry.title === title) as Chart;

// A busy minute with fast calls, and a quiet minute with slow calls. The mean of both bins is 55 ms, the mean call takes 11 ms.
const rows = [
  row(0, { calls: 900, time: 9000, rows: 1800, shared_hit: 900, shared_read: 0, wal: 1200 }),
  row(60, { calls: 10, time: 1000, rows: 10, shared_hit: 0, shared_read: 100 }),
];

describe('the figures of a statement', () => {
  const figures = statementFigures(rows, collected);

  it('equal the charts’ legends', () => {
    const mean = statementSeries(chart('Mean time'), window, rows, collected).series[0]?.overall;
    expect(figures.mean).toBeCloseTo(10_000 / 910, 9);
    expect(mean).toBe(figures.mean);
  });

  it('are sums divided by sums', () => {
    expect(figures.rowsPerCall).toBeCloseTo(1810 / 910, 9);
    expect(figures.hits).toBe(0.9);
    expect(figures.share).toBeCloseTo(10_000 / 12_000, 9);
  });

  it('are zero for a collected range without calls, and unknown without a collected range', () => {
    expect(statementFigures([], collected)).toMatchObject({ time: 0, calls: 0, mean: null, hits: null });
    expect(statementFigures([], [])).toMatchObject({ time: null, calls: null, share: null, wal: null });
  });
});

describe('the lines of a statement', () => {
  it('have a rate of the range over its collected seconds only', () => {
    const { series } = statementSeries(chart('Calls'), window, rows, collected);
    expect(series[0]?.values).toEqual([15, 10 / 60, null, 0]);
    // 910 calls in three collected minutes of four.
    expect(series[0]?.overall).toBeCloseTo(910 / 180, 9);
  });

  it('have no value per call in a bin without calls', () => {
    const { series } = statementSeries(chart('Mean time'), window, rows, collected);
    expect(series[0]?.values).toEqual([10, 100, null, null]);
  });
});
