import { describe, expect, it } from 'vitest';
import { overallOf, panelSeries } from './panelSeries';
import type { Panel } from './panels';

const color = { light: '#000000', dark: '#ffffff' };
const window = { from: 0, to: 75, bin: 10 };
const panel = (part: Partial<Panel>): Panel => ({
  title: 'x',
  unit: 'per_second',
  table: 't',
  interval: 10,
  kind: 'counter',
  columns: [],
  series: [{ name: 'a', value: 'a', color }],
  ...part,
});
type Row = [t: number | null, seconds: number, value: number | null];
const draw = (part: Partial<Panel>, rows: Row[], read: [number, number][]) =>
  panelSeries(
    panel(part),
    window,
    rows.map(([t, seconds, v0]) => ({ t, seconds, v0 })),
    new Map(read),
  ).series;
const values = (part: Partial<Panel>, rows: Row[], read: [number, number][]) =>
  draw(part, rows, read).flatMap((series) => series.values.slice(0, 7));
const overall = (part: Partial<Panel>, rows: Row[], read: [number, number][]) => draw(part, rows, read)[0]?.overall;

const all: [number, number][] = [0, 10, 20, 30, 40, 50, 60].map((t) => [t, 10]);

describe('panelSeries', () => {
  it('rates: a read bin without a row is zero, a bin without reads is a gap, bins before the first row are unknown', () => {
    const read = all.filter(([t]) => t !== 30);
    const rows: Row[] = [
      [10, 10, 50],
      [40, 10, 20],
    ];
    expect(values({}, rows, read)).toEqual([null, 5, 0, null, 2, 0, null]);
  });

  it('rates: a bin is not zero while its row can still arrive', () => {
    expect(values({}, [[10, 10, 50]], all).at(-1)).toBeNull();
  });

  it('rates: seconds without a change count in the divisor', () => {
    expect(values({}, [[10, 4, 20]], all)[1]).toBe(2);
  });

  it('rates: the newest bin is divided by its arrived seconds', () => {
    expect(values({}, [[60, 4, 20]], all)[6]).toBe(5);
  });

  it('rates: a first snapshot without a baseline is not zero', () => {
    const rows: Row[] = [
      [10, 10, null],
      [20, 10, 30],
    ];
    expect(values({}, rows, all)).toEqual([null, null, 3, 0, 0, 0, null]);
  });

  it('gauges: the last value holds while the server is read', () => {
    const rows: Row[] = [
      [10, 10, 50],
      [40, 10, 20],
    ];
    expect(
      values(
        { kind: 'gauge', unit: 'bytes' },
        rows,
        all.filter(([t]) => t !== 30),
      ),
    ).toEqual([null, 50, 50, null, 20, 20, 20]);
  });

  it('ratios: a bin without a row has no value', () => {
    expect(values({ unit: 'percent' }, [[10, 10, 0.5]], all)).toEqual([null, 0.5, null, null, null, null, null]);
  });

  it('counts are not divided', () => {
    expect(values({ unit: 'count' }, [[10, 10, 2]], all).slice(0, 3)).toEqual([null, 2, 0]);
  });
});

describe('the legend of a panel', () => {
  it('has the rate over all read seconds since the first row', () => {
    const read = all.filter(([t]) => t !== 30);
    const rows: Row[] = [
      [10, 10, 50],
      [40, 2, 20],
    ];
    // 70 in 10 + 10 + 10 + 10 seconds: two bins with rows, two without a change, one gap, and the newest bin unsettled.
    expect(overall({}, rows, read)).toBe(70 / 40);
  });

  it('has the ratio of the range’s sums, not the mean of ratios', () => {
    const rows: Row[] = [
      [10, 10, 0.99],
      [20, 10, 0.01],
      [null, 20, 0.98],
    ];
    expect(overall({ unit: 'percent' }, rows, all)).toBe(0.98);
    expect(values({ unit: 'percent' }, rows, all).slice(0, 4)).toEqual([null, 0.99, 0.01, null]);
  });

  it('has the total of counts', () => {
    const rows: Row[] = [
      [10, 10, 2],
      [40, 10, 1],
    ];
    expect(overall({ unit: 'count' }, rows, all)).toBe(3);
    expect(overallOf(panel({ unit: 'count' }))).toBe('total');
  });

  it('has the newest value of a gauge, and the highest value of a maximum', () => {
    const rows: Row[] = [
      [10, 10, 50],
      [40, 10, 20],
    ];
    expect(overall({ kind: 'gauge', unit: 'bytes' }, rows, all)).toBe(20);
    expect(overall({ kind: 'gauge', unit: 'ms', take: 'max' }, rows, all)).toBe(50);
  });
});
