/**
 * SQL of the Fleet page: one query per figure for all servers. Recent ranges use tables that the backend holds in memory for
 * this page. Older ranges use the history or its rollups.
 */
import { bin, defineSql, during, since, tiered } from '../../history/sql';
import type { Window } from '../../range/bins';
import { ACTIVE } from '../../subjects/sessions';

/** Points of a row's sparkline. */
export const SPARK_POINTS = 40;

/** The backend's limit, enough for sparklines of 2,500 servers. */
const FLEET_ROWS = 100_000;

/** Seconds of history in pganalytics_fleet_minutes. */
const IN_MEMORY = 3600;
/** A range that ends at most this many seconds ago ends now. */
const NOW = 120;

/** Whether the window ends now, so that pganalytics_fleet has its newest values. */
export function isNewest(window: Window, now = Date.now() / 1000): boolean {
  return window.to >= now - NOW;
}
/** Whether the window lies within the last hour, so that pganalytics_fleet_minutes has all of it. */
export function isLastHour(window: Window, now = Date.now() / 1000): boolean {
  return isNewest(window, now) && window.from >= now - IN_MEMORY - NOW;
}

/** Sampled seconds and samples of active sessions in each bin. A snapshot counts in the bin of its end. */
export const fleetSessions = defineSql<{ server: string; t: number; seconds: number; samples: number }>({
  name: 'fleet-sessions',
  // pganalytics_fleet_minutes has one row per minute.
  interval: 60,
  maxRows: FLEET_ROWS,
  text: (window) =>
    isLastHour(window)
      ? `
select server, ${bin(window)} as t, sum(sampled_ms) / 1000.0 as seconds, sum(active_samples) as samples
from pganalytics_fleet_minutes
where ${during}
group by 1, 2
order by 1, 2`
      : `
with snapshots as (
  select server, ts, max(interval_ms) / 1000.0 as seconds, sum(case when ${ACTIVE} then samples else 0 end) as samples
  from ${tiered('pg_stat_activity', window)}
  where ${during} and interval_ms > 0
  group by server, ts
)
select server, ${bin(window)} as t, sum(seconds) as seconds, sum(samples) as samples
from snapshots
group by 1, 2
order by 1, 2`,
});

export interface FleetWork {
  server: string;
  transactions: number | null;
  hits: number | null;
  ms: number | null;
}

/** Transactions, cache hits and read time. The interval of a snapshot counts once, not once per database. */
export const fleetWork = defineSql<FleetWork>({
  name: 'fleet-work',
  interval: 10,
  maxRows: FLEET_ROWS,
  text: (window) =>
    isLastHour(window)
      ? `
select server, sum(transactions) as transactions, cast(sum(blks_hit) as double) / nullif(sum(blks_hit) + sum(blks_read), 0) as hits,
  sum(interval_ms) as ms
from pganalytics_fleet_minutes
where ${during}
group by server`
      : `
with snapshots as (
  select server, ts, sum(xact_commit) + sum(xact_rollback) as transactions, sum(blks_hit) as hit, sum(blks_read) as read,
    max(interval_ms) as ms
  from ${tiered('pg_stat_database', window)}
  where ${during}
  group by server, ts
)
select server, sum(transactions) as transactions, cast(sum(hit) as double) / nullif(sum(hit) + sum(read), 0) as hits, sum(ms) as ms
from snapshots
group by server`,
});

export interface FleetSize {
  server: string;
  size: number | null;
  age: number | null;
}

/** Newest size and age. An idle database is shipped at least daily. A renamed database counts once. */
export const fleetSize = defineSql<FleetSize>({
  name: 'fleet-size',
  interval: 300,
  maxRows: FLEET_ROWS,
  text: (window) =>
    isNewest(window)
      ? `
select server, size, age
from pganalytics_fleet
where ${since('25 hours')} or ts >= cast($to as timestamptz)`
      : `
with names as (
  select server, datname, max(datid) as datid, max(ts) as seen, last_value(size order by ts) as size,
    last_value(age order by ts) as age
  from pg_database
  where ${since('25 hours')}
  group by server, datname
),
databases as (
  select server, last_value(size order by seen) as size, last_value(age order by seen) as age
  from names
  group by server, coalesce(cast(datid as varchar), datname)
)
select server, sum(size) as size, max(age) as age
from databases
group by server`,
});
