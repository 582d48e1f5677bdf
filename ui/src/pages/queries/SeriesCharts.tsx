/** Draws charts.ts over the range. */
import { useMemo } from 'react';
import { seriesColor } from '../../charts/colors';
import { TimeChart } from '../../charts/TimeChart';
import { enough } from '../../history/spread';
import type { SqlData } from '../../history/useSql';
import { timeline, type Window } from '../../range/bins';
import { CHARTS, type Chart } from './charts';
import classes from './Queries.module.css';
import type { QuerySeriesRow, StatementsRow } from './queries.sql';

export function SeriesCharts({ data, all }: { data: SqlData<QuerySeriesRow>; all: StatementsRow[] }) {
  return (
    <div className={classes.grid}>
      {CHARTS.map((chart) => (
        <SeriesChart key={chart.title} chart={chart} window={data.window} rows={data.rows} collected={all} />
      ))}
    </div>
  );
}

interface SeriesChartProps {
  chart: Chart;
  window: Window;
  rows: QuerySeriesRow[];
  collected: StatementsRow[];
}

function SeriesChart({ chart, window, rows, collected }: SeriesChartProps) {
  const { times, series } = useMemo(() => {
    const at = timeline(window);
    const byTime = new Map(rows.map((row) => [row.t, row]));
    const read = new Map(collected.map((row) => [row.t, row.seconds]));
    const lines = chart.lines.map((line, i) => ({
      name: line.name,
      color: seriesColor(i),
      values: at.map((t) => {
        const seconds = enough(read.get(t), window);
        if (seconds === null) return null;
        const row = byTime.get(t);
        if (!row) return chart.mean ? null : 0;
        return line.value(row, seconds);
      }),
    }));
    return { times: at, series: lines };
  }, [chart, window, rows, collected]);
  return (
    <div className={classes.panel}>
      <TimeChart
        title={chart.title}
        subtitle={chart.subtitle}
        unit={chart.unit}
        times={times}
        series={series}
        window={window}
        level={2}
        height={150}
      />
    </div>
  );
}
