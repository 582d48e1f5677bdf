/**
 * SQL of the pages Tables and Indexes: sums over the range, newest gauges, and the size at the start of the range. Each row has
 * sums, never ratios, so that the figures of a partitioned table are sums over its partitions.
 */
import type { View } from '../../api/facts';
import { defineSql, type Parameters, type SqlQuery, since, tiered, tierOf } from '../../history/sql';
import type { Window } from '../../range/bins';
import { upMilliseconds } from '../../subjects/servers.sql';

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
/** The part of a ratio. A row counts only if the whole is known too, so that both sums have the same rows. */
const part = (column: string, whole: string) =>
  `sum(${column}) filter (where ts >= cast($from as timestamptz) and ${whole} is not null)`;
/** When the relation was last read. A rollup's `ts` is the start of its bin. */
const lastSeen = (window: Window) => `max(${tierOf(window) ? 'last_ts' : 'ts'})`;

/** What both kinds of relations have. */
export interface Relation {
  datname: string;
  schemaname: string;
  relname: string | null;
  /** The oid; null for rows of a collector without oids, and for the sum of relations that are not shipped one by one. */
  oid: number | null;
  /** The oid of the partitioned table or index to which the relation belongs. */
  parent: number | null;
  size: number | null;
  /** The size at the start of the range; of a newer relation its first size. */
  size_before: number | null;
  last_seen: string;
  /** The newest read of any relation of the server. */
  newest_seen: string;
}

export interface TableRow extends Relation {
  relname: string;
  kind: string | null;
  seq_scan: number | null;
  seq_tup_read: number | null;
  idx_scan: number | null;
  written: number | null;
  updated: number | null;
  hot_updated: number | null;
  live: number | null;
  dead: number | null;
  /** Heap blocks that were found in shared buffers, of all fetched blocks. */
  hit: number | null;
  fetched: number | null;
  vacuumed: string | null;
  analyzed: string | null;
}

/**
 * The key of a relation. The oid stays when names change, so names are the newest ones; rows without oid are told apart by name.
 */
const byOid = (oid: string, ...names: string[]) => ({
  names: names.map((name) => `last_value(${name} order by ts) as ${name}`).join(', '),
  key: [oid, ...names.map((name) => `case when ${oid} is null then ${name} end`)].join(', '),
});

/** `nested`: whether the backend's view has the columns `relid` and `parent_relid`. */
const tablesQuery = (nested: boolean) =>
  defineSql<TableRow, { server: string }>({
    name: nested ? 'tables-nested' : 'tables',
    interval: RELATIONS_INTERVAL,
    maxRows: MAX_RELATIONS,
    text: (window) => {
      const { names, key } = nested
        ? byOid('relid', 'schemaname', 'relname')
        : { names: 'schemaname, relname', key: 'schemaname, relname' };
      return `
with summed as (
  select datname, ${names}, ${nested ? 'relid' : 'cast(null as bigint)'} as oid,
    ${nested ? newest('parent_relid') : 'cast(null as bigint)'} as parent, ${newest('kind')} as kind,
    ${newest('total_size')} as size, ${atStart('total_size')} as size_before,
    ${inRange('seq_scan')} as seq_scan, ${inRange('seq_tup_read')} as seq_tup_read, ${inRange('idx_scan')} as idx_scan,
    ${inRange('n_tup_ins + n_tup_upd + n_tup_del')} as written,
    ${inRange('n_tup_upd')} as updated, ${part('n_tup_hot_upd', 'n_tup_upd')} as hot_updated,
    ${newest('n_live_tup')} as live, ${newest('n_dead_tup')} as dead,
    ${part('heap_blks_hit', 'heap_blks_read')} as hit, ${inRange('heap_blks_hit + heap_blks_read')} as fetched,
    greatest(max(last_vacuum), max(last_autovacuum)) as vacuumed, greatest(max(last_analyze), max(last_autoanalyze)) as analyzed,
    ${lastSeen(window)} as last_seen
  from ${tiered('pg_stat_user_tables', window)}
  where server = $server and ${since(LOOKBACK)}
  group by datname, ${key}
)
select datname, schemaname, relname, oid, parent, kind, size, size_before, seq_scan, seq_tup_read, idx_scan, written,
  updated, hot_updated, live, dead, hit, fetched, vacuumed, analyzed, last_seen, (select max(last_seen) from summed) as newest_seen
from summed
order by size desc nulls last`;
    },
  });

export interface IndexRow extends Relation {
  indexrelname: string;
  method: string | null;
  is_unique: boolean | null;
  is_primary: boolean | null;
  is_constraint: boolean | null;
  is_replica_identity: boolean | null;
  is_valid: boolean | null;
  scans: number | null;
  tuples: number | null;
  /** Blocks that were found in shared buffers, of all fetched blocks. */
  hit: number | null;
  fetched: number | null;
}

/** `nested`: whether the backend's view has the columns `indexrelid`, `parent_indexrelid` and `is_replica_identity`. */
const indexesQuery = (nested: boolean) =>
  defineSql<IndexRow, { server: string }>({
    name: nested ? 'indexes-nested' : 'indexes',
    interval: RELATIONS_INTERVAL,
    maxRows: MAX_RELATIONS,
    text: (window) => {
      const { names, key } = nested
        ? byOid('indexrelid', 'schemaname', 'relname', 'indexrelname')
        : { names: 'schemaname, relname, indexrelname', key: 'schemaname, relname, indexrelname' };
      return `
with summed as (
  select datname, ${names}, ${nested ? 'indexrelid' : 'cast(null as bigint)'} as oid,
    ${nested ? newest('parent_indexrelid') : 'cast(null as bigint)'} as parent,
    ${newest('method')} as method, ${newest('is_unique')} as is_unique, ${newest('is_primary')} as is_primary,
    ${newest('is_constraint')} as is_constraint,
    ${nested ? newest('is_replica_identity') : 'false'} as is_replica_identity,
    ${newest('is_valid')} as is_valid, ${newest('size')} as size, ${atStart('size')} as size_before,
    ${inRange('idx_scan')} as scans, ${inRange('idx_tup_read')} as tuples,
    ${part('idx_blks_hit', 'idx_blks_read')} as hit, ${inRange('idx_blks_hit + idx_blks_read')} as fetched,
    ${lastSeen(window)} as last_seen
  from ${tiered('pg_stat_user_indexes', window)}
  where server = $server and ${since(LOOKBACK)}
  group by datname, ${key}
)
select datname, schemaname, relname, indexrelname, oid, parent, method, is_unique, is_primary, is_constraint, is_replica_identity,
  is_valid, size, size_before, scans, tuples, hit, fetched, last_seen, (select max(last_seen) from summed) as newest_seen
from summed
order by size desc nulls last`;
    },
  });

export const TABLES = { flat: tablesQuery(false), nested: tablesQuery(true) };
export const INDEXES = { flat: indexesQuery(false), nested: indexesQuery(true) };

/** The use of an index in a long range, on all watched servers of the cluster: a standby counts its own scans. */
export interface IndexUseRow {
  datname: string;
  schemaname: string;
  indexrelname: string;
  oid: number | null;
  scans: number | null;
  /** The newest scan; null before PostgreSQL 16. */
  last_scan: string | null;
  first_seen: string | null;
  /** Seconds of the range in which the server was read. */
  watched: number | null;
}

/** Parameters: `server`, and `server_1`, `server_2`, … for the other servers of the cluster. A standby has the oids of its primary. */
const indexUseQuery = (nested: boolean): SqlQuery<IndexUseRow, Parameters & { server: string }> =>
  defineSql({
    name: nested ? 'index-use-nested' : 'index-use',
    interval: RELATIONS_INTERVAL,
    maxRows: MAX_RELATIONS,
    text: (window, parameters) => `
select datname, schemaname, indexrelname, ${nested ? 'indexrelid' : 'cast(null as bigint)'} as oid,
  sum(idx_scan) as scans, max(last_idx_scan) as last_scan, min(case when server = $server then ts end) as first_seen,
  (select sum(${upMilliseconds(window)}) / 1000.0 from ${tiered('pganalytics_server', window)}
    where server = $server and ${since(LOOKBACK)}) as watched
from ${tiered('pg_stat_user_indexes', window)}
where server in (${Object.keys(parameters)
      .map((name) => `$${name}`)
      .join(', ')}) and ${since(LOOKBACK)}
group by datname, schemaname, indexrelname${nested ? ', indexrelid' : ''}`,
  });

export const INDEX_USE = { flat: indexUseQuery(false), nested: indexUseQuery(true) };

/** Whether the backend's view has all of the columns. A query of a column that it does not have is an error. */
export function hasColumns(views: View[] | undefined, view: string, ...columns: string[]): boolean {
  const known = views?.find((entry) => entry.name === view)?.columns.map((column) => column.name) ?? [];
  return columns.every((column) => known.includes(column));
}
