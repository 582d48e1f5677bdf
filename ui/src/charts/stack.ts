/** The series of a chart as data, and their stack. Pure, so that tests need no canvas. */
import type { Color } from './colors';

export interface Series {
  /** The name in legend and tooltip, unique within the chart. */
  name: string;
  color: Color;
  /** One value per time; null is a gap. */
  values: (number | null)[];
  /**
   * The legend's figure for the whole range; null if unknown. A mean is a sum divided by a sum. It is never the mean of `values`,
   * since bins differ in their number of calls, blocks or covered seconds.
   */
  overall: number | null;
  /** The explanation on the legend's hover. */
  help?: string;
}

/** The kinds of `overall`, as the legend names them. */
export const OVERALL_NAMES = {
  mean: 'mean of the range',
  total: 'total of the range',
  highest: 'highest of the range',
  newest: 'newest',
} as const;

export type Overall = keyof typeof OVERALL_NAMES;

/** The drawn series: the isolated one, or all. A name without a series isolates nothing. */
export function visible(series: Series[], isolated: string | null): Series[] {
  const chosen = series.filter((entry) => entry.name === isolated);
  return chosen.length > 0 ? chosen : series;
}

/** Running sums from the first series up. A time without any value is a gap. A single missing value counts as zero. */
export function stacked(series: Series[]): (number | null)[][] {
  const length = series[0]?.values.length ?? 0;
  const sums: (number | null)[][] = series.map(() => new Array<number | null>(length).fill(null));
  for (let i = 0; i < length; i += 1) {
    if (series.every((entry) => entry.values[i] == null)) continue;
    let sum = 0;
    series.forEach((entry, s) => {
      sum += entry.values[i] ?? 0;
      const row = sums[s];
      if (row) row[i] = sum;
    });
  }
  return sums;
}

/** Whether any series has a value. */
export function hasData(series: Series[]): boolean {
  return series.some((entry) => entry.values.some((value) => value !== null));
}

/** The newest value of a line; null without values. */
export function newest(values: (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** The largest value, or the largest stacked sum. Used in the chart's description. */
export function peak(series: Series[], isStacked: boolean): number | null {
  const rows = isStacked ? stacked(series).slice(-1) : series.map((entry) => entry.values);
  let max: number | null = null;
  for (const row of rows) for (const value of row) if (value !== null && (max === null || value > max)) max = value;
  return max;
}
