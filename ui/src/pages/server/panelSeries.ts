/** From a panel's rows to its series: sums become rates, quiet bins zero, unread bins gaps. */

import type { Series } from '../../charts/stack';
import { enough } from '../../history/spread';
import type { Window } from '../../range/bins';
import { timeline } from '../../range/bins';
import type { Panel } from './panels';
import { isRate, type PanelRow } from './panels.sql';

/** Seconds the server was read in each bin, by the bin's start. */
export type Coverage = ReadonlyMap<number, number>;

/** A snapshot may take this many intervals to arrive; what is younger is not yet known to be missing. */
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
  // Counters of a first snapshot are null: nothing to subtract from yet. Before it nothing is known.
  const first = rows.find((row) => row.v0 !== null)?.t ?? Number.POSITIVE_INFINITY;
  const settled = window.to - panel.interval * ARRIVAL_INTERVALS;
  return (s) =>
    times.map((t) => {
      const row = byTime.get(t);
      const value = row?.[`v${s}`] ?? null;
      const isSettled = t + window.bin <= settled;
      const readFor = enough(read.get(t), window);
      // Nothing shipped by a server that was read is nothing done, once it must have arrived. A ratio of nothing is none.
      if (value === null) return panel.unit !== 'percent' && t >= first && isSettled && readFor !== null ? 0 : null;
      if (!isRate(panel) || panel.unit === 'percent') return value;
      // Snapshots in which nothing changed were not shipped, but their time has passed too.
      const seconds = Math.max(enough(row?.seconds, window) ?? 0, isSettled ? (readFor ?? 0) : 0);
      return seconds > 0 ? value / seconds : null;
    });
}

/** A gauge that did not change was not shipped: where the server was read, the last value still holds. */
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
