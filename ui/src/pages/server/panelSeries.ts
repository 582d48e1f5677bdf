/** The series of a panel: sums become rates, bins without a change are zero, and bins without reads are gaps. */

import type { Series } from '../../charts/stack';
import { enough } from '../../history/spread';
import type { Window } from '../../range/bins';
import { timeline } from '../../range/bins';
import type { Panel } from './panels';
import { isRate, type PanelRow } from './panels.sql';

/** Seconds that the server was read in each bin, by the bin's start. */
export type Coverage = ReadonlyMap<number, number>;

/** A snapshot arrives within this many intervals. A younger one is not missing yet. */
const ARRIVAL_INTERVALS = 1.5;

export function panelSeries(
  panel: Panel,
  window: Window,
  rows: PanelRow[],
  read: Coverage,
): { times: number[]; series: Series[] } {
  const times = timeline(window);
  const values =
    panel.kind === 'gauge' ? gauges(times, window, rows, read) : counters(panel, times, window, rows, read);
  return {
    times,
    series: panel.series.map((entry, s) => ({ name: entry.name, color: entry.color, values: values(s) })),
  };
}

type ValuesOf = (series: number) => (number | null)[];

function counters(panel: Panel, times: number[], window: Window, rows: PanelRow[], read: Coverage): ValuesOf {
  const byTime = new Map(rows.map((row) => [row.t, row]));
  // The counters of a first snapshot are null, since they have no baseline. Bins before it are unknown.
  const first = rows.find((row) => row.v0 !== null)?.t ?? Number.POSITIVE_INFINITY;
  const settled = window.to - panel.interval * ARRIVAL_INTERVALS;
  return (s) =>
    times.map((t) => {
      const row = byTime.get(t);
      const value = row?.[`v${s}`] ?? null;
      const isSettled = t + window.bin <= settled;
      const readFor = enough(read.get(t), window);
      // A bin of a read server without a row is zero once the row must have arrived. A ratio has no value there.
      if (value === null) return panel.unit !== 'percent' && t >= first && isSettled && readFor !== null ? 0 : null;
      if (!isRate(panel) || panel.unit === 'percent') return value;
      // A snapshot without a change is not shipped, but its seconds count.
      const seconds = Math.max(enough(row?.seconds, window) ?? 0, isSettled ? (readFor ?? 0) : 0);
      return seconds > 0 ? value / seconds : null;
    });
}

/** A gauge without a change is not shipped. Its last value holds while the server is read. */
function gauges(times: number[], window: Window, rows: PanelRow[], read: Coverage): ValuesOf {
  const byTime = new Map(rows.map((row) => [row.t, row]));
  return (s) => {
    let last: number | null = null;
    return times.map((t) => {
      const value = byTime.get(t)?.[`v${s}`] ?? null;
      if (value !== null) last = value;
      else if (enough(read.get(t), window) === null) last = null;
      return value ?? last;
    });
  };
}
