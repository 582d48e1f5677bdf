/**
 * The server page's charts below the one picture, as data: which table, which columns, how they are drawn. A counter
 * column is shown per second, a gauge as its mean in the bin.
 */
import { spread } from '../../api/spread';
import type { SqlQuery, Window } from '../../api/sql';
import { bin, defineSql, during } from '../../api/sql';
import { BAD, type Color, seriesColor } from '../../charts/colors';
import type { Unit } from '../../format/numbers';

export interface PanelSeries {
  name: string;
  /** SQL over the sums (counters) or means (gauges) of one snapshot. */
  value: string;
  color: Color;
}

export interface Panel {
  title: string;
  subtitle?: string;
  unit: Unit;
  table: string;
  /** Seconds between snapshots. */
  interval: number;
  kind: 'counter' | 'gauge';
  /** Columns summed over the rows of a snapshot; `value` may use them. */
  columns: string[];
  /** Further condition on rows. */
  where?: string;
  series: PanelSeries[];
  stack?: boolean;
  /** The axis need not start at zero: for ratios close to one. */
  floating?: boolean;
}

export interface PanelGroup {
  title: string;
  panels: Panel[];
  /** Said where no panel of the group has data. */
  empty?: string;
}

const s = (index: number) => seriesColor(index);

export const PANELS: PanelGroup[] = [
  {
    title: 'Work',
    panels: [
      {
        title: 'Transactions',
        unit: 'per_second',
        table: 'pg_stat_database',
        interval: 10,
        kind: 'counter',
        columns: ['xact_commit', 'xact_rollback'],
        series: [
          { name: 'commits', value: 'xact_commit', color: s(0) },
          { name: 'rollbacks', value: 'xact_rollback', color: BAD },
        ],
      },
      {
        title: 'Connections',
        unit: 'sessions',
        table: 'pg_stat_database',
        interval: 10,
        kind: 'gauge',
        columns: ['numbackends'],
        series: [{ name: 'connections', value: 'numbackends', color: s(0) }],
      },
      {
        title: 'Rows written',
        unit: 'per_second',
        table: 'pg_stat_database',
        interval: 10,
        kind: 'counter',
        columns: ['tup_inserted', 'tup_updated', 'tup_deleted'],
        stack: true,
        series: [
          { name: 'inserted', value: 'tup_inserted', color: s(2) },
          { name: 'updated', value: 'tup_updated', color: s(1) },
          { name: 'deleted', value: 'tup_deleted', color: s(4) },
        ],
      },
      {
        title: 'Rows read',
        unit: 'per_second',
        table: 'pg_stat_database',
        interval: 10,
        kind: 'counter',
        columns: ['tup_returned', 'tup_fetched'],
        series: [
          { name: 'by scans', value: 'tup_returned', color: s(0) },
          { name: 'by index', value: 'tup_fetched', color: s(2) },
        ],
      },
    ],
  },
  {
    title: 'Storage',
    panels: [
      {
        title: 'Cache hit ratio',
        unit: 'percent',
        table: 'pg_stat_database',
        interval: 10,
        kind: 'counter',
        columns: ['blks_hit', 'blks_read'],
        floating: true,
        series: [{ name: 'hits', value: 'blks_hit / nullif(blks_hit + blks_read, 0)', color: s(0) }],
      },
      {
        title: 'I/O',
        subtitle: 'relations, all backends',
        unit: 'bytes_per_second',
        table: 'pg_stat_io',
        interval: 60,
        kind: 'counter',
        columns: ['read_bytes', 'write_bytes', 'extend_bytes'],
        series: [
          { name: 'reads', value: 'read_bytes', color: s(0) },
          { name: 'writes', value: 'write_bytes', color: s(1) },
          { name: 'extends', value: 'extend_bytes', color: s(2) },
        ],
      },
      {
        title: 'WAL',
        unit: 'bytes_per_second',
        table: 'pg_stat_wal',
        interval: 10,
        kind: 'counter',
        columns: ['wal_bytes'],
        series: [{ name: 'generated', value: 'wal_bytes', color: s(3) }],
      },
      {
        title: 'Buffers written',
        unit: 'per_second',
        table: 'pg_stat_checkpointer',
        interval: 10,
        kind: 'counter',
        columns: ['buffers_written'],
        series: [{ name: 'by the checkpointer', value: 'buffers_written', color: s(0) }],
      },
      {
        title: 'Checkpoints',
        subtitle: 'begun in each step of time',
        unit: 'count',
        table: 'pg_stat_checkpointer',
        interval: 60,
        kind: 'counter',
        columns: ['num_timed', 'num_requested'],
        stack: true,
        series: [
          { name: 'timed', value: 'num_timed', color: s(0) },
          { name: 'requested', value: 'num_requested', color: s(1) },
        ],
      },
      {
        title: 'Temporary files',
        unit: 'bytes_per_second',
        table: 'pg_stat_database',
        interval: 10,
        kind: 'counter',
        columns: ['temp_bytes'],
        series: [{ name: 'written', value: 'temp_bytes', color: s(1) }],
      },
    ],
  },
  {
    title: 'Machine',
    empty:
      'The machine is read where the collector runs on it; this server is remote to its collector, or nothing has arrived yet.',
    panels: [
      {
        title: 'CPU',
        subtitle: 'share of all CPUs',
        unit: 'percent',
        table: 'host_cpu',
        interval: 10,
        kind: 'counter',
        columns: ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'],
        stack: true,
        series: [
          { name: 'user', value: cpuShare('"user" + nice'), color: s(0) },
          { name: 'system', value: cpuShare('system + irq + softirq'), color: s(1) },
          { name: 'iowait', value: cpuShare('iowait'), color: s(3) },
          { name: 'steal', value: cpuShare('steal'), color: s(4) },
        ],
      },
      {
        title: 'Load',
        unit: 'count',
        table: 'host_load',
        interval: 10,
        kind: 'gauge',
        columns: ['load1', 'load5', 'load15'],
        series: [
          { name: '1 min', value: 'load1', color: s(0) },
          { name: '5 min', value: 'load5', color: s(1) },
          { name: '15 min', value: 'load15', color: s(7) },
        ],
      },
      {
        title: 'Memory',
        unit: 'bytes',
        table: 'host_memory',
        interval: 10,
        kind: 'gauge',
        columns: ['total', 'available', 'free'],
        stack: true,
        series: [
          { name: 'used', value: 'total - available', color: s(0) },
          { name: 'cache', value: 'available - free', color: s(6) },
          { name: 'free', value: 'free', color: { light: '#dfe4e9', dark: '#3a424b' } },
        ],
      },
      {
        title: 'Disks',
        unit: 'bytes_per_second',
        table: 'host_disk',
        interval: 30,
        kind: 'counter',
        columns: ['read_bytes', 'written_bytes'],
        series: [
          { name: 'read', value: 'read_bytes', color: s(0) },
          { name: 'written', value: 'written_bytes', color: s(1) },
        ],
      },
      {
        title: 'Network',
        unit: 'bytes_per_second',
        table: 'host_network',
        interval: 10,
        kind: 'counter',
        columns: ['received_bytes', 'transmitted_bytes'],
        where: `interface <> 'lo'`,
        series: [
          { name: 'received', value: 'received_bytes', color: s(0) },
          { name: 'sent', value: 'transmitted_bytes', color: s(2) },
        ],
      },
    ],
  },
];

function cpuShare(part: string): string {
  return `(${part}) / nullif("user" + nice + system + idle + iowait + irq + softirq + steal, 0)`;
}

export type PanelRow = { t: number; seconds: number } & Record<string, number | null>;

/** One row a bin: the seconds its rows cover, and `v0`, `v1`, … in the order of the panel's series, over the bin's sums. */
export function panelQuery(panel: Panel): SqlQuery<PanelRow, { server: string }> {
  const { table, where, columns } = panel;
  const sums = Object.fromEntries(columns.map((column) => [column, `"${column}"`]));
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

/** Each snapshot in the bin it ends in: summed if counted, else the mean. */
function whole(window: Window, { kind, table, where, columns }: Panel): string {
  const each = (call: string) =>
    columns.map((column) => `${call}(cast("${column}" as double)) as "${column}"`).join(', ');
  return `snapshots as (
  select ts, ${each('sum')}
  from ${table}
  where server = $server and ${during}${where ? ` and ${where}` : ''}
  group by ts
), binned as (
  select ${bin(window)} as t, ${window.bin}.0 as seconds, ${each(kind === 'counter' ? 'sum' : 'avg')}
  from snapshots
  group by 1
)`;
}

/** How long the server was read in each bin: there, a table without a row means that nothing changed. */
export function coverageQuery(interval: number): SqlQuery<{ t: number; seconds: number }, { server: string }> {
  return defineSql<{ t: number; seconds: number }, { server: string }>({
    name: `coverage-${interval}`,
    interval,
    text: (window) => `
with ${spread(window, { table: 'pganalytics_server', where: 'up', sums: {} })}
select t, seconds from binned`,
  });
}
