/**
 * The fleet's SQL: a few figures a server, all servers in one query each. What is newest comes from the tables that the
 * backend keeps apart for this page, which cost no look at the history; ranges beyond come from the history or its rollups.
 */
import { bin, defineSql, during, since, tiered } from '../../history/sql';
import type { Window } from '../../range/bins';
import { ACTIVE } from '../../subjects/sessions';

/** Points of a row's sparkline. */
export const SPARK_POINTS = 40;

/** 3,000 servers with a sparkline each: what a backend gives at most. */
const FLEET_ROWS = 100_000;

/** Seconds that pganalytics_fleet_minutes goes back, and those within which a range's end counts as now. */
const KEPT_APART = 3600;
const NOW = 120;

/** Whether the tables kept apart answer for a window: it ends now and, where its length matters, began within the hour. */
export function isNewest(window: Window, now = Date.now() / 1000): boolean {
  return window.to >= now - NOW;
}
export function isLastHour(window: Window, now = Date.now() / 1000): boolean {
  return isNewest(window, now) && window.from >= now - KEPT_APART - NOW;
}

/** Sampled seconds and samples of active sessions in each bin: a row's samples stay in the bin its snapshot ends in. */
export const fleetSessions = defineSql<{ server: string; t: number; seconds: number; samples: number }>({
  name: 'fleet-sessions',
  // The minutes of the table kept apart.
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

/** Each snapshot's length counts once, however many databases it has. */
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

/** Newest size and age of each database; a database that rests is shipped at least daily. */
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
with databases as (
  select server, datname, last_value(size order by ts) as size, last_value(age order by ts) as age
  from pg_database
  where ${since('25 hours')}
  group by server, datname
)
select server, sum(size) as size, max(age) as age
from databases
group by server`,
});
