/** SQL of the pages Tables and Indexes: sums over the range, newest gauges, and the size at the start of the range. */
import { defineSql, since, tiered } from '../../history/sql';

/** An idle relation is shipped hourly, so two hours before the range contain its size at the start of the range. */
const LOOKBACK = '2 hours';

const RELATIONS_INTERVAL = 60;

/** The most relations in the list. A browser sorts this many without delay. */
export const MAX_RELATIONS = 5000;

/** The newest value of a gauge. Skips nulls, such as the size of a locked relation. */
const newest = (column: string) => `last_value(${column} order by ts) filter (where ${column} is not null)`;
/** The value at the start of the range; for a newer relation its first value. */
const atStart = (column: string) =>
  `coalesce(last_value(${column} order by ts) filter (where ${column} is not null and ts < cast($from as timestamptz)),
    first_value(${column} order by ts) filter (where ${column} is not null))`;
const inRange = (column: string) => `sum(${column}) filter (where ts >= cast($from as timestamptz))`;

export interface TableRow {
  datname: string;
  schemaname: string;
  relname: string;
  size: number | null;
  growth: number | null;
  seq_scan: number | null;
  seq_tup_read: number | null;
  idx_scan: number | null;
  written: number | null;
  hot: number | null;
  live: number | null;
  dead: number | null;
  hits: number | null;
  vacuumed: string | null;
  analyzed: string | null;
}

export const tables = defineSql<TableRow, { server: string }>({
  name: 'tables',
  interval: RELATIONS_INTERVAL,
  maxRows: MAX_RELATIONS,
  text: (window) => `
with summed as (
  select datname, schemaname, relname,
    ${newest('total_size')} as size, ${atStart('total_size')} as size_before,
    ${inRange('seq_scan')} as seq_scan, ${inRange('seq_tup_read')} as seq_tup_read, ${inRange('idx_scan')} as idx_scan,
    ${inRange('n_tup_ins + n_tup_upd + n_tup_del')} as written,
    cast(${inRange('n_tup_hot_upd')} as double) / nullif(${inRange('n_tup_upd')}, 0) as hot,
    ${newest('n_live_tup')} as live, ${newest('n_dead_tup')} as dead,
    cast(${inRange('heap_blks_hit')} as double) / nullif(${inRange('heap_blks_hit + heap_blks_read')}, 0) as hits,
    greatest(max(last_vacuum), max(last_autovacuum)) as vacuumed, greatest(max(last_analyze), max(last_autoanalyze)) as analyzed
  from ${tiered('pg_stat_user_tables', window)}
  where server = $server and ${since(LOOKBACK)}
  group by datname, schemaname, relname
)
select datname, schemaname, relname, size, size - size_before as growth, seq_scan, seq_tup_read, idx_scan, written, hot, live, dead, hits,
  vacuumed, analyzed
from summed
order by size desc nulls last`,
});

export interface IndexRow {
  datname: string;
  schemaname: string;
  relname: string;
  indexrelname: string;
  method: string | null;
  is_unique: boolean | null;
  is_primary: boolean | null;
  is_constraint: boolean | null;
  is_valid: boolean | null;
  size: number | null;
  growth: number | null;
  scans: number | null;
  tuples: number | null;
  hits: number | null;
}

export const indexes = defineSql<IndexRow, { server: string }>({
  name: 'indexes',
  interval: RELATIONS_INTERVAL,
  maxRows: MAX_RELATIONS,
  text: (window) => `
with summed as (
  select datname, schemaname, relname, indexrelname,
    ${newest('method')} as method, ${newest('is_unique')} as is_unique, ${newest('is_primary')} as is_primary,
    ${newest('is_constraint')} as is_constraint, ${newest('is_valid')} as is_valid,
    ${newest('size')} as size, ${atStart('size')} as size_before,
    ${inRange('idx_scan')} as scans, ${inRange('idx_tup_read')} as tuples,
    cast(${inRange('idx_blks_hit')} as double) / nullif(${inRange('idx_blks_hit + idx_blks_read')}, 0) as hits
  from ${tiered('pg_stat_user_indexes', window)}
  where server = $server and ${since(LOOKBACK)}
  group by datname, schemaname, relname, indexrelname
)
select datname, schemaname, relname, indexrelname, method, is_unique, is_primary, is_constraint, is_valid, size,
  size - size_before as growth, scans, tuples, hits
from summed
order by size desc nulls last`,
});
