/** From a panel's rows to its series: sums become rates, quiet bins zero, unread bins gaps. */
import type { Window } from '../../api/sql';
import type { Series } from '../../charts/stack';
import { covered, timeline } from '../../range/bins';
import type { Panel, PanelRow } from './panels';

export function panelSeries(
  panel: Panel,
  window: Window,
  rows: PanelRow[],
  read: ReadonlySet<number>,
): { times: number[]; series: Series[] } {
  const times = timeline(window);
  const byTime = new Map(rows.map((row) => [row.t, row]));
  // Counters of a first snapshot are null: nothing to subtract from yet.
  const first = rows.find((row) => panel.series.some((_, s) => row[`v${s}`] != null))?.t ?? Number.POSITIVE_INFINITY;
  const perSecond = panel.unit === 'per_second' || panel.unit === 'bytes_per_second';
  const ratio = panel.unit === 'percent';
  const series = panel.series.map((entry, s) => ({
    name: entry.name,
    color: entry.color,
    values: times.map((t) => {
      const seconds = covered(window, t, panel.interval);
      if (seconds === null && !ratio && panel.kind === 'counter') return null;
      const value = byTime.get(t)?.[`v${s}`] ?? null;
      // Nothing shipped by a server that was read is nothing done; before the first row it may not have been collected.
      if (value === null) return panel.kind === 'counter' && !ratio && t >= first && read.has(t) ? 0 : null;
      return perSecond ? value / (seconds ?? window.bin) : value;
    }),
  }));
  return { times, series: panel.kind === 'gauge' ? series.map(carried(read, times)) : series };
}

/** A gauge that did not change was not shipped: where the server was read, the last value still holds. */
function carried(read: ReadonlySet<number>, times: number[]): (series: Series) => Series {
  return (series) => {
    let last: number | null = null;
    const values = series.values.map((value, i) => {
      if (value !== null) last = value;
      else if (!read.has(times[i] ?? 0)) last = null;
      return value ?? last;
    });
    return { ...series, values };
  };
}
