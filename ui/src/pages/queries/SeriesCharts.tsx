/** Draws the charts of charts.ts over the range. */
import { useMemo } from 'react';
import { TimeChart } from '../../charts/TimeChart';
import type { Window } from '../../range/bins';
import { CHARTS, type Chart } from './charts';
import classes from './Queries.module.css';
import type { QuerySeriesRow, StatementsRow } from './queries.sql';
import { statementSeries } from './series';

interface SeriesChartsProps {
  window: Window;
  rows: QuerySeriesRow[];
  collected: StatementsRow[];
}

export function SeriesCharts(props: SeriesChartsProps) {
  return (
    <div className={classes.grid}>
      {CHARTS.map((chart) => (
        <SeriesChart key={chart.title} chart={chart} {...props} />
      ))}
    </div>
  );
}

function SeriesChart({ chart, window, rows, collected }: SeriesChartsProps & { chart: Chart }) {
  const { times, series } = useMemo(
    () => statementSeries(chart, window, rows, collected),
    [chart, window, rows, collected],
  );
  return (
    <div className={classes.panel}>
      <TimeChart
        title={chart.title}
        subtitle={chart.subtitle}
        unit={chart.unit}
        times={times}
        series={series}
        window={window}
        overall="mean"
        level={2}
        height={150}
      />
    </div>
  );
}
