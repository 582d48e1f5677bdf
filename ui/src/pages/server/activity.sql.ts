/** SQL of the active sessions: samples by wait class over time, and by dimension. Facts about the server. */
import { spread } from '../../history/spread';
import { defineSql, during, tiered } from '../../history/sql';
import { ACTIVE, ACTIVITY_INTERVAL, type ClassRow, WAIT_CLASS } from '../../subjects/sessions';

/**
 * Every snapshot has rows of sessions that are not active (class null), at least of PostgreSQL's own processes. So the largest
 * `seconds` of a bin is its sampled time, and a bin without rows is a gap, not zero.
 */
export const sessionsByClass = defineSql<ClassRow, { server: string }>({
  name: 'sessions-by-class',
  interval: ACTIVITY_INTERVAL,
  text: (window) => `
with ${spread(window, {
    table: 'pg_stat_activity',
    keys: { class: `case when ${ACTIVE} then ${WAIT_CLASS} end` },
    sums: { samples: 'samples' },
  })}
select t, "class", seconds, samples from binned order by t`,
});

export const DIMENSIONS = {
  query: { label: 'Queries', column: 'cast(query_id as varchar)' },
  user: { label: 'Users', column: 'usename' },
  application: { label: 'Applications', column: 'application_name' },
  database: { label: 'Databases', column: 'datname' },
  event: {
    label: 'Wait events',
    column: `case when wait_event is null then 'CPU' else concat(wait_event_type, ': ', wait_event) end`,
  },
} as const;

export type Dimension = keyof typeof DIMENSIONS;

/** The length of the list. */
const TOP = 12;

export interface ShareRow {
  name: string;
  class: string;
  samples: number;
  /** Samples of all active sessions in the range, listed or not. */
  all_samples: number;
  /** Sampled seconds of the range. */
  seconds: number;
}

export const topBy = defineSql<ShareRow, { server: string; dimension: Dimension }>({
  name: 'sessions-top',
  interval: ACTIVITY_INTERVAL,
  text: (window, { dimension }) => `
with snapshots as (
  select ts, max(interval_ms) as ms
  from ${tiered('pg_stat_activity', window)}
  where server = $server and ${during} and interval_ms > 0
  group by ts
), sampled as (
  select coalesce(${DIMENSIONS[dimension].column}, '') as name, ${WAIT_CLASS} as class, sum(samples) as samples
  from ${tiered('pg_stat_activity', window)}
  where server = $server and ${during} and ${ACTIVE} and $dimension is not null
  group by 1, 2
), top as (
  select name, sum(samples) as total from sampled group by name order by total desc limit ${TOP}
)
select sampled.name as name, sampled.class as class, sampled.samples as samples,
  (select sum(samples) from sampled) as all_samples, (select sum(ms) / 1000.0 from snapshots) as seconds
from sampled join top on top.name = sampled.name
order by top.total desc, sampled.samples desc`,
});

export interface ServerFacts {
  up: boolean | null;
  in_recovery: boolean | null;
  version: string | null;
  cpus: number | null;
  postmaster_start_time: string | null;
}

/** The newest known facts in the last hour of the range. A server that is down reports none, so its earlier facts hold. */
export const serverFacts = defineSql<ServerFacts, { server: string }>({
  name: 'server-facts',
  interval: 10,
  text: () => `
select last_value(up order by ts) as up, ${['in_recovery', 'version', 'cpus', 'postmaster_start_time']
    .map((column) => `last_value(${column} order by ts) filter (where ${column} is not null) as ${column}`)
    .join(', ')}
from pganalytics_server
where server = $server and ts >= cast($to as timestamptz) - interval '1 hour' and ts < cast($to as timestamptz)
  and cast($from as timestamptz) is not null`,
});
