/**
 * The figures and lines of one statement, from the same sums: a ratio is a sum divided by a sum, in a bin and over the range. So
 * the page's header and the charts' legends show the same number. Pure.
 */
import { seriesColor } from '../../charts/colors';
import type { Series } from '../../charts/stack';
import { enough } from '../../history/spread';
import { timeline, type Window } from '../../range/bins';
import type { Chart } from './charts';
import type { QuerySeriesRow, StatementsRow } from './queries.sql';

type Pick = (row: QuerySeriesRow) => number | null;

/** The sum over all rows; null if no row has a value. */
function total<Row>(rows: Row[], pick: (row: Row) => number | null): number | null {
  return rows.reduce<number | null>((sum, row) => {
    const value = pick(row);
    return value === null ? sum : (sum ?? 0) + value;
  }, null);
}

function divide(sum: number | null, by: number | null): number | null {
  return sum !== null && by !== null && by > 0 ? sum / by : null;
}

export interface StatementFigures {
  time: number | null;
  /** Share of the execution time of all statements. */
  share: number | null;
  calls: number | null;
  mean: number | null;
  rowsPerCall: number | null;
  hits: number | null;
  wal: number | null;
}

/** The figures of the range. Without a row of the statement, its totals are zero if other statements were collected. */
export function statementFigures(rows: QuerySeriesRow[], collected: StatementsRow[]): StatementFigures {
  const sum = (pick: Pick) => total(rows, pick) ?? (collected.length > 0 ? 0 : null);
  const time = sum((row) => row.time);
  const calls = sum((row) => row.calls);
  const fetched = sum((row) =>
    row.shared_hit === null || row.shared_read === null ? null : row.shared_hit + row.shared_read,
  );
  return {
    time,
    share: divide(
      time,
      total(collected, (row) => row.time),
    ),
    calls,
    mean: divide(time, calls),
    rowsPerCall: divide(
      sum((row) => row.rows),
      calls,
    ),
    hits: divide(
      sum((row) => row.shared_hit),
      fetched,
    ),
    wal: sum((row) => row.wal),
  };
}

/** The lines of a chart. A collected bin without a row is zero for a rate, and a gap per call. */
export function statementSeries(
  chart: Chart,
  window: Window,
  rows: QuerySeriesRow[],
  collected: StatementsRow[],
): { times: number[]; series: Series[] } {
  const times = timeline(window);
  const byTime = new Map(rows.map((row) => [row.t, row]));
  const read = new Map(collected.map((row) => [row.t, row.seconds]));
  const perCall = chart.per === 'call';
  const divisor = perCall ? total(rows, (row) => row.calls) : total(collected, (row) => row.seconds);
  const series = chart.lines.map(({ name, sum }, i) => ({
    name,
    color: seriesColor(i),
    values: times.map((t) => {
      const seconds = enough(read.get(t), window);
      if (seconds === null) return null;
      const row = byTime.get(t);
      if (!row) return perCall ? null : 0;
      return divide(sum(row), perCall ? row.calls : seconds);
    }),
    overall: divide(total(rows, sum) ?? (perCall ? null : 0), divisor),
  }));
  return { times, series };
}

/** Execution time per second of each statement. A collected bin without a row is zero. */
export function sparkLines(
  window: Window,
  rows: { queryid: string; t: number; time: number }[],
  collected: StatementsRow[],
): Map<string, (number | null)[]> {
  const times = timeline(window);
  const index = new Map(times.map((t, i) => [t, i]));
  const read = new Map(collected.map((row) => [row.t, row.seconds]));
  const seconds = times.map((t) => enough(read.get(t), window));
  const quiet = seconds.map((length) => (length === null ? null : 0));
  const lines = new Map<string, (number | null)[]>();
  for (const row of rows) {
    const line = lines.get(row.queryid) ?? [...quiet];
    const i = index.get(row.t);
    const length = i === undefined ? null : seconds[i];
    if (i !== undefined && length) line[i] = row.time / length;
    lines.set(row.queryid, line);
  }
  return lines;
}
