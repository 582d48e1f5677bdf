/** SQL of the panels: the sums of a panel, the read seconds of each bin, and whether a table has rows. */
import { spread } from '../../history/spread';
import type { SqlQuery } from '../../history/sql';
import { bin, defineSql, during, gauge, tiered, tierOf } from '../../history/sql';
import type { Window } from '../../range/bins';
import { upMilliseconds } from '../../subjects/servers.sql';
import type { Panel } from './panels';

/** The sums of one bin; of the whole range if `t` is null. */
export type PanelRow = { t: number | null; seconds: number | null } & Record<string, number | null>;

const named = (column: Panel['columns'][number]) =>
  typeof column === 'string' ? ([column, `"${column}"`] as const) : column;

/** `named` for a gauge. A rollup has separate columns for mean and maximum. An expression uses the last value of the bin. */
const namedGauge = (window: Window, take: 'avg' | 'max') => (column: Panel['columns'][number]) =>
  typeof column === 'string' ? ([column, `"${gauge(column, take, window)}"`] as const) : column;

/**
 * One row per bin: the covered seconds, and the panel's series in order as `v0`, `v1`, …. A panel of ratios has one more row for
 * the range: the same expressions over the sums of all bins. So a ratio of the range is a sum divided by a sum.
 */
export function panelQuery(panel: Panel): SqlQuery<PanelRow, { server: string }> {
  const { table, where, columns } = panel;
  const sums = Object.fromEntries(columns.map(named));
  const values = panel.series.map((series, i) => `${series.value} as v${i}`).join(', ');
  const summed = Object.keys(sums).map((name) => `sum("${name}") as "${name}"`);
  const range = `
union all
select cast(null as bigint) as t, seconds, ${values}
from (select sum(seconds) as seconds, ${summed.join(', ')} from binned) as range`;
  return defineSql<PanelRow, { server: string }>({
    name: `panel-${panel.title}`,
    interval: panel.interval,
    text: (window: Window) => `
with ${isRate(panel) ? spread(window, { table, ...(where ? { where } : {}), sums }) : whole(window, panel)}
select t, seconds, ${values}
from binned${isRatio(panel) ? range : ''}
order by t`,
  });
}

/** Whether the panel's rows are divided between bins. Rates and ratios are; gauges and counts are not. */
export function isRate(panel: Panel): boolean {
  return panel.kind === 'counter' && panel.unit !== 'count';
}

/** Whether the panel shows ratios of two counters. */
export function isRatio(panel: Panel): boolean {
  return panel.kind === 'counter' && panel.unit === 'percent';
}

/** Each snapshot counts in the bin of its end: counts are summed, gauges are averaged or taken as the panel says. */
function whole(window: Window, { kind, table, where, columns, take }: Panel): string {
  const averaged = kind === 'gauge' && take === undefined;
  const inSnapshot = columns.flatMap((column) => {
    const [name, value] = kind === 'gauge' ? namedGauge(window, take ?? 'avg')(column) : named(column);
    return [
      `${take ?? 'sum'}(cast(${value} as double)) as "${name}"`,
      ...(averaged ? [`max(${weight(window, column)}) as "${name} weight"`] : []),
    ];
  });
  const inBin = columns
    .map(named)
    .map(([name]) => (averaged ? weighted(name) : `${take ?? 'sum'}("${name}") as "${name}"`));
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

/** The number of snapshots in a row. A rollup's mean counts as often as the snapshots that it has. */
function weight(window: Window, column: Panel['columns'][number]): string {
  if (!tierOf(window)) return '1.0';
  return typeof column === 'string' ? `"${column}_count"` : 'snapshots';
}

function weighted(name: string): string {
  const known = `case when "${name}" is not null then "${name} weight" end`;
  return `sum("${name}" * "${name} weight") / nullif(sum(${known}), 0.0) as "${name}"`;
}

/** Whether the table has a row of the server in the range. */
export function presenceQuery(table: string): SqlQuery<{ present: boolean }, { server: string }> {
  return defineSql<{ present: boolean }, { server: string }>({
    name: `presence-${table}`,
    interval: 10,
    text: (window) =>
      `select count(*) > 0 as present from ${tiered(table, window)} where server = $server and ${during}`,
  });
}

/** Seconds that the server was read in each bin. In them, a table without a row had no change. */
export function coverageQuery(interval: number): SqlQuery<{ t: number; seconds: number }, { server: string }> {
  return defineSql<{ t: number; seconds: number }, { server: string }>({
    name: `coverage-${interval}`,
    interval,
    text: (window) => `
with ${spread(window, {
      table: 'pganalytics_server',
      where: tierOf(window) ? 'up_avg > 0' : 'up',
      milliseconds: upMilliseconds(window),
      sums: {},
    })}
select t, seconds from binned`,
  });
}
