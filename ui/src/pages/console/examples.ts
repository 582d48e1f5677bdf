/**
 * Example queries. They use the page's range as $from and $to. A rate is divided by the covered seconds, not by the length of the
 * minute, since the first and the last minute and minutes beside a gap are covered in part.
 */
export const EXAMPLES: { title: string; sql: string }[] = [
  {
    title: 'Active sessions by wait event',
    sql: `with snapshots as (
  select server, ts, max(interval_ms) / 1000.0 as seconds
  from pg_stat_activity
  where ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)
  group by 1, 2
), covered as (
  select server, date_bin(interval '1 minute', ts) as minute, sum(seconds) as seconds
  from snapshots
  group by 1, 2
), sampled as (
  select server, date_bin(interval '1 minute', ts) as minute,
    coalesce(wait_event_type, 'CPU') as wait, sum(samples) as samples
  from pg_stat_activity
  where ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)
    and state = 'active' and coalesce(backend_type, '') <> 'walsender'
  group by 1, 2, 3
)
select minute, wait, sum(samples / seconds) as sessions
from sampled join covered using (server, minute)
group by 1, 2
order by 1`,
  },
  {
    title: 'Statements with the most execution time',
    sql: `select server, cast(queryid as varchar) as queryid,
  sum(calls) as calls,
  sum(total_exec_time) as total_ms,
  sum(total_exec_time) / nullif(sum(calls), 0) as mean_ms
from pg_stat_statements
where ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)
group by 1, 2
order by total_ms desc
limit 20`,
  },
  {
    title: 'Transactions per second by server',
    sql: `with snapshots as (
  select server, ts, max(interval_ms) / 1000.0 as seconds,
    sum(xact_commit + xact_rollback) as transactions
  from pg_stat_database
  where ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)
  group by 1, 2
)
select date_bin(interval '1 minute', ts) as minute, server,
  sum(transactions) / sum(seconds) as tps
from snapshots
group by 1, 2
order by 1`,
  },
  {
    title: 'Cost of pgAnalytics on each server',
    sql: `select server, "view", sum(polls) as polls, sum(duration) as total_ms,
  sum(duration) / nullif(sum(polls), 0) as mean_ms, sum(rows_shipped) as rows_shipped
from pganalytics_cost
where ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)
group by 1, 2
order by total_ms desc`,
  },
];
