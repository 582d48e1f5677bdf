/** The SQL of a panel, and of what its bins mean: which the server was read in, and whether a table has rows at all. */
import { spread } from '../../history/spread';
import type { SqlQuery } from '../../history/sql';
import { bin, defineSql, during, gauge, tiered, tierOf } from '../../history/sql';
import type { Window } from '../../range/bins';
import type { Panel } from './panels';

export type PanelRow = { t: number; seconds: number } & Record<string, number | null>;

const named = (column: Panel['columns'][number]) =>
  typeof column === 'string' ? ([column, `"${column}"`] as const) : column;

/** The same of a gauge, whose mean or greatest value is a column of its own in a rollup. What an expression says is taken at each bin's end. */
const namedGauge = (window: Window, take: 'avg' | 'max') => (column: Panel['columns'][number]) =>
  typeof column === 'string' ? ([column, `"${gauge(column, take, window)}"`] as const) : column;

/** One row a bin: the seconds its rows cover, and `v0`, `v1`, … in the order of the panel's series, over the bin's sums. */
export function panelQuery(panel: Panel): SqlQuery<PanelRow, { server: string }> {
  const { table, where, columns } = panel;
  const sums = Object.fromEntries(columns.map(named));
  return defineSql<PanelRow, { server: string }>({
    name: `panel-${panel.title}`,
    interval: panel.interval,
    text: (window: Window) => `
with ${isRate(panel) ? spread(window, { table, ...(where ? { where } : {}), sums }) : whole(window, panel)}
select t, seconds, ${panel.series.map((series, i) => `${series.value} as v${i}`).join(', ')}
from binned
order by t`,
  });
}

/** Rates and ratios are divided between bins; gauges are not, and neither is what is counted one by one. */
export function isRate(panel: Panel): boolean {
  return panel.kind === 'counter' && panel.unit !== 'count';
}

/** Each snapshot in the bin it ends in: summed if counted, else the mean or what the panel says. */
function whole(window: Window, { kind, table, where, columns, take }: Panel): string {
  const inSnapshot = columns
    .map(kind === 'gauge' ? namedGauge(window, take ?? 'avg') : named)
    .map(([name, value]) => `${take ?? 'sum'}(cast(${value} as double)) as "${name}"`);
  const inBin = columns
    .map(named)
    .map(([name]) => `${take ?? (kind === 'counter' ? 'sum' : 'avg')}("${name}") as "${name}"`);
  return `snapshots as (
  select ts, ${inSnapshot.join(', ')}
  from ${tiered(table, window)}
  where server = $server and ${during}${where ? ` and ${where}` : ''}
  group by ts
), binned as (
  select ${bin(window)} as t, ${window.bin}.0 as seconds, ${inBin.join(', ')}
  from snapshots
  group by 1
)`;
}

/** Whether a table has any row of the server in the range. */
export function presenceQuery(table: string): SqlQuery<{ present: boolean }, { server: string }> {
  return defineSql<{ present: boolean }, { server: string }>({
    name: `presence-${table}`,
    interval: 10,
    text: (window) =>
      `select count(*) > 0 as present from ${tiered(table, window)} where server = $server and ${during}`,
  });
}

/** How long the server was read in each bin: there, a table without a row means that nothing changed. */
export function coverageQuery(interval: number): SqlQuery<{ t: number; seconds: number }, { server: string }> {
  return defineSql<{ t: number; seconds: number }, { server: string }>({
    name: `coverage-${interval}`,
    interval,
    text: (window) => `
with ${spread(window, { table: 'pganalytics_server', where: tierOf(window) ? 'up_avg > 0' : 'up', sums: {} })}
select t, seconds from binned`,
  });
}
