/** Example queries. They use the page's range and server as $from, $to and $server. */
export const EXAMPLES: { title: string; sql: string }[] = [
  {
    title: 'Active sessions by wait event',
    sql: `select date_bin(interval '1 minute', ts) as minute,
  coalesce(wait_event_type, 'CPU') as wait,
  sum(samples) / 60.0 as sessions
from pg_stat_activity
where ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)
  and state = 'active'
group by 1, 2
order by 1`,
  },
  {
    title: 'Statements with the most execution time',
    sql: `select server, cast(queryid as varchar) as queryid,
  sum(calls) as calls,
  sum(total_exec_time) as total_ms,
  sum(total_exec_time) / sum(calls) as mean_ms
from pg_stat_statements
where ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)
group by 1, 2
order by total_ms desc
limit 20`,
  },
  {
    title: 'Transactions per second by server',
    sql: `select date_bin(interval '1 minute', ts) as minute, server,
  sum(xact_commit + xact_rollback) / 60.0 as tps
from pg_stat_database
where ts >= cast($from as timestamptz) and ts < cast($to as timestamptz)
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
