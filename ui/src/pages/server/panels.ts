/**
 * The charts of the Server page as data: table, columns and form of each. A counter is shown per second, a gauge as its mean in
 * the bin.
 */
import { BAD, type Color, seriesColor } from '../../charts/colors';
import type { Unit } from '../../format/numbers';

export interface PanelSeries {
  name: string;
  /** SQL over the bin's sums (counters) or means (gauges). */
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
  /** Columns that are summed over the rows of a snapshot. `value` can use them. A pair is a name and its expression. */
  columns: (string | readonly [name: string, expression: string])[];
  /** Takes the maximum of a gauge over rows and snapshots, instead of the sum over rows and the mean over snapshots. */
  take?: 'max';
  /** Additional condition on rows. */
  where?: string;
  series: PanelSeries[];
  stack?: boolean;
  /** The axis can start above zero. For ratios close to one. */
  floating?: boolean;
}

export interface PanelGroup {
  title: string;
  panels: Panel[];
  /** The table that the group needs, and the text without that table's rows. */
  needs?: { table: string; empty: string };
}

const s = (index: number) => seriesColor(index);

/** The colour of idle or free parts. */
const FAINT: Color = { light: '#dfe4e9', dark: '#3a424b' };

/** A column with the samples of sessions that meet the condition. */
const state = (name: string, condition: string) => [name, `case when ${condition} then samples else 0 end`] as const;

/** A column with the part of a ratio. A row counts only if the whole is known too, so that both sums have the same rows. */
const part = (name: string, expression: string, whole: string) =>
  [name, `case when ${whole} is not null then ${expression} end`] as const;

const CPU_TIME = '"user" + nice + system + idle + iowait + irq + softirq + steal';

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
        subtitle: 'by state',
        unit: 'sessions',
        table: 'pg_stat_activity',
        interval: 10,
        kind: 'counter',
        columns: [
          state('active', `state = 'active'`),
          state('idle', `state = 'idle'`),
          state('waiting', `state like 'idle in transaction%'`),
        ],
        where: `backend_type = 'client backend'`,
        stack: true,
        series: [
          { name: 'active', value: 'active', color: s(2) },
          { name: 'idle in transaction', value: 'waiting', color: s(1) },
          { name: 'idle', value: 'idle', color: FAINT },
        ],
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
      {
        title: 'Oldest transaction',
        subtitle: 'of a client; vacuum cannot remove newer dead rows',
        unit: 'ms',
        table: 'pg_stat_activity',
        interval: 10,
        kind: 'gauge',
        take: 'max',
        columns: ['max_xact_age'],
        where: `backend_type = 'client backend'`,
        series: [{ name: 'age', value: 'max_xact_age', color: s(4) }],
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
    title: 'Storage',
    panels: [
      {
        title: 'Cache hit ratio',
        unit: 'percent',
        table: 'pg_stat_database',
        interval: 10,
        kind: 'counter',
        columns: [part('hit', 'blks_hit', 'blks_hit + blks_read'), ['fetched', 'blks_hit + blks_read']],
        floating: true,
        series: [{ name: 'hits', value: 'hit / nullif(fetched, 0)', color: s(0) }],
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
        subtitle: 'started per bin',
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
    ],
  },
  {
    title: 'Host',
    needs: {
      table: 'host_cpu',
      empty:
        'A collector on the server’s own host reads CPU, memory, disks and network. No such collector runs, or no data has arrived yet.',
    },
    panels: [
      {
        title: 'CPU',
        subtitle: 'share of all CPUs',
        unit: 'percent',
        table: 'host_cpu',
        interval: 10,
        kind: 'counter',
        columns: [
          part('users', '"user" + nice', CPU_TIME),
          part('kernel', 'system + irq + softirq', CPU_TIME),
          part('waiting', 'iowait', CPU_TIME),
          part('stolen', 'steal', CPU_TIME),
          ['all_time', CPU_TIME],
        ],
        stack: true,
        series: [
          { name: 'user', value: 'users / nullif(all_time, 0)', color: s(0) },
          { name: 'system', value: 'kernel / nullif(all_time, 0)', color: s(1) },
          { name: 'iowait', value: 'waiting / nullif(all_time, 0)', color: s(3) },
          { name: 'steal', value: 'stolen / nullif(all_time, 0)', color: s(4) },
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
          { name: 'free', value: 'free', color: FAINT },
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
