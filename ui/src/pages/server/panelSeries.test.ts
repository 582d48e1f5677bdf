import { describe, expect, it } from 'vitest';
import { panelSeries } from './panelSeries';
import type { Panel } from './panels';

const color = { light: '#000000', dark: '#ffffff' };
const window = { from: 0, to: 50, bin: 10 };
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
const values = (part: Partial<Panel>, rows: { t: number; v0: number | null }[], read: number[]) =>
  panelSeries(panel(part), window, rows, new Set(read)).series[0]?.values;

describe('panelSeries', () => {
  const rows = [
    { t: 10, v0: 50 },
    { t: 40, v0: 20 },
  ];

  it('rates: a read bin without a row is zero, an unread one a gap, before the first row unknown', () => {
    expect(values({}, rows, [0, 10, 20, 40])).toEqual([null, 5, 0, null, 2]);
  });

  it('a first snapshot, without a baseline, is no zero', () => {
    expect(
      values(
        {},
        [
          { t: 10, v0: null },
          { t: 20, v0: 30 },
        ],
        [0, 10, 20, 30, 40],
      ),
    ).toEqual([null, null, 3, 0, 0]);
  });

  it('gauges: the last value holds while the server is read', () => {
    expect(values({ kind: 'gauge', unit: 'bytes' }, rows, [0, 10, 20, 40])).toEqual([null, 50, 50, null, 20]);
  });

  it('ratios are never made up', () => {
    expect(values({ unit: 'percent' }, [{ t: 10, v0: 0.5 }], [0, 10, 20, 30, 40])).toEqual([
      null,
      0.5,
      null,
      null,
      null,
    ]);
  });
});
