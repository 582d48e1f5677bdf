/** The series of a panel: sums become rates, bins without a change are zero, and bins without reads are gaps. */
import { newest, type Overall, type Series } from '../../charts/stack';
import { enough } from '../../history/spread';
import { timeline, type Window } from '../../range/bins';
import type { Panel } from './panels';
import { isRate, isRatio, type PanelRow } from './panels.sql';

/** Seconds that the server was read in each bin, by the bin's start. */
export type Coverage = ReadonlyMap<number, number>;

/** A snapshot arrives within this many intervals. A younger one is not missing yet. */
const ARRIVAL_INTERVALS = 1.5;

/** The kind of figure in the panel's legend. */
export function overallOf(panel: Panel): Overall {
  if (panel.kind === 'gauge') return panel.take === 'max' ? 'highest' : 'newest';
  return panel.unit === 'count' ? 'total' : 'mean';
}

export function panelSeries(
  panel: Panel,
  window: Window,
  rows: PanelRow[],
  read: Coverage,
): { times: number[]; series: Series[] } {
  const times = timeline(window);
  const line =
    panel.kind === 'gauge' ? gauges(panel, times, window, rows, read) : counters(panel, times, window, rows, read);
  return {
    times,
    series: panel.series.map((entry, s) => ({ name: entry.name, color: entry.color, ...line(s) })),
  };
}

type Line = (series: number) => Pick<Series, 'values' | 'overall'>;

function counters(panel: Panel, times: number[], window: Window, rows: PanelRow[], read: Coverage): Line {
  const byTime = new Map(rows.map((row) => [row.t, row]));
  // The counters of a first snapshot are null, since they have no baseline. Bins before it are unknown.
  const first = rows.find((row) => row.t !== null && row.v0 !== null)?.t ?? Number.POSITIVE_INFINITY;
  const settled = window.to - panel.interval * ARRIVAL_INTERVALS;
  return (s) => {
    if (isRatio(panel)) {
      const values = times.map((t) => byTime.get(t)?.[`v${s}`] ?? null);
      return { values, overall: byTime.get(null)?.[`v${s}`] ?? null };
    }
    const total = { value: 0, seconds: 0, known: false };
    const values = times.map((t) => {
      const row = byTime.get(t);
      const value = row?.[`v${s}`] ?? null;
      const isSettled = t + window.bin <= settled;
      const readFor = read.get(t) ?? 0;
      // A bin of a read server without a row is zero once the row must have arrived.
      if (value === null && !(t >= first && isSettled && readFor > 0)) return null;
      // A snapshot without a change is not shipped, but its seconds count.
      const seconds = Math.max(row?.seconds ?? 0, isSettled ? readFor : 0);
      total.value += value ?? 0;
      total.seconds += seconds;
      total.known = true;
      if (!isRate(panel)) return value ?? (enough(readFor, window) === null ? null : 0);
      return enough(seconds, window) === null ? null : (value ?? 0) / seconds;
    });
    if (!isRate(panel)) return { values, overall: total.known ? total.value : null };
    return { values, overall: total.seconds > 0 ? total.value / total.seconds : null };
  };
}

/** A gauge without a change is not shipped. Its last value holds while the server is read. */
function gauges(panel: Panel, times: number[], window: Window, rows: PanelRow[], read: Coverage): Line {
  const byTime = new Map(rows.map((row) => [row.t, row]));
  return (s) => {
    let last: number | null = null;
    const values = times.map((t) => {
      const value = byTime.get(t)?.[`v${s}`] ?? null;
      if (value !== null) last = value;
      else if (enough(read.get(t), window) === null) last = null;
      return value ?? last;
    });
    return { values, overall: overallOf(panel) === 'highest' ? highest(values) : newest(values) };
  };
}

function highest(values: (number | null)[]): number | null {
  return values.reduce((top, value) => (value !== null && (top === null || value > top) ? value : top), null);
}
