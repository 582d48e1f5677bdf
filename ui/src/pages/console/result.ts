/** A result as a chart: finds the time column, the number columns and the series' names. Pure. */

import { seriesColor, WAIT_CLASSES, waitClass, waitOrder } from '../../charts/colors';
import { newest, type Series } from '../../charts/stack';
import { parseTime } from '../../format/time';
import type { SqlAnswer, Value } from '../../history/sql';

export interface ResultChart {
  times: number[];
  series: Series[];
  from: number;
  to: number;
}

/** The most lines in a chart. */
const MAX_SERIES = 12;

const NUMERIC = /^(u?int|float|double|decimal|numeric|bigint|real)[^[]*$/i;

/** Epoch seconds between 2001 and 2128. Numbers in this range are taken for times. */
const EPOCH = { min: 1e9, max: 5e9 };

function timeOf(value: Value): number | null {
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\d[T ]/.test(value) ? parseTime(value) : null;
  if (typeof value === 'number') return value >= EPOCH.min && value <= EPOCH.max ? value : null;
  return null;
}

export function toNumber(value: Value): number | null {
  if (value === null || typeof value === 'boolean') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** The chart of a result: the first time column is the axis, numbers are lines, and texts are the lines' names. */
export function toChart(answer: SqlAnswer): ResultChart | null {
  const { columns, rows } = answer;
  const first = rows[0];
  if (!first || rows.length < 2) return null;
  const timeIndex = columns.findIndex(
    (column, i) =>
      (/timestamp|^date$/i.test(column.type) || /^(t|ts|time|bucket|minute|hour|day)$/i.test(column.name)) &&
      timeOf(first[i] ?? null) !== null,
  );
  if (timeIndex < 0) return null;
  const numbers = columns.map((_, i) => i).filter((i) => i !== timeIndex && NUMERIC.test(columns[i]?.type ?? ''));
  const texts = columns
    .map((_, i) => i)
    .filter(
      (i) =>
        i !== timeIndex && !numbers.includes(i) && /^(text|bool|varchar|utf8|string)/i.test(columns[i]?.type ?? ''),
    );
  if (numbers.length === 0) return null;

  const times = [...new Set(rows.map((row) => timeOf(row[timeIndex] ?? null)).filter((t) => t !== null))].sort(
    (a, b) => a - b,
  );
  const index = new Map(times.map((t, i) => [t, i]));
  const lines = new Map<string, (number | null)[]>();
  for (const row of rows) {
    const t = timeOf(row[timeIndex] ?? null);
    const at = t === null ? undefined : index.get(t);
    if (at === undefined) continue;
    const labels = texts.map((i) => row[i] ?? '(none)').join(' ');
    for (const i of numbers) {
      const column = columns[i]?.name ?? '';
      const name = labels ? (numbers.length > 1 ? `${labels} ${column}` : labels) : column;
      let line = lines.get(name);
      if (!line) {
        if (lines.size >= MAX_SERIES) continue;
        line = new Array<number | null>(times.length).fill(null);
        lines.set(name, line);
      }
      line[at] = toNumber(row[i] ?? null);
    }
  }
  // Wait classes keep their colours.
  const waits = [...lines.keys()].every((name) => WAIT_CLASSES.some((entry) => entry.name === name));
  const entries = waits ? [...lines].sort(([a], [b]) => waitOrder(a) - waitOrder(b)) : [...lines];
  const series = entries.map(([name, values], i) => ({
    name,
    values,
    // Whether a column is a count, a ratio or a gauge is unknown, so a mean or a sum could be wrong.
    overall: newest(values),
    color: waits ? waitClass(name).color : seriesColor(i),
  }));
  return { times, series, from: times[0] ?? 0, to: times[times.length - 1] ?? 0 };
}

export function isNumeric(type: string): boolean {
  return NUMERIC.test(type);
}
