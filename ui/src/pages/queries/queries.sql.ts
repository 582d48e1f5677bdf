/** SQL of the pages Queries and Query: sums over the range, sums over the range before, and series. */
import { spread } from '../../history/spread';
import { defineSql, during, tiered } from '../../history/sql';
import type { Window } from '../../range/bins';
import { ACTIVE, ACTIVITY_INTERVAL, type ClassRow, WAIT_CLASS } from '../../subjects/sessions';
import { idList, latestTexts } from '../../subjects/statements';

export const STATEMENTS_INTERVAL = 60;

/** The length of the list. The search finds other statements. */
export const TOP_QUERIES = 100;

/** Blocks read from outside the server's memory, of ordinary and temporary tables. The same sum in every table and chart. */
const BLOCKS_READ = 'shared_blks_read + local_blks_read';

/**
 * Measures of the list. The list has the top statements by one of them, and a column for each. A mean is a sum divided by a sum;
 * all others grow with the collected time.
 */
export const MEASURES = {
  time: { label: 'Total time', sum: 'sum(total_exec_time)' },
  calls: { label: 'Calls', sum: 'cast(sum(calls) as double)' },
  mean: { label: 'Mean time', sum: 'sum(total_exec_time) / nullif(sum(calls), 0)' },
  rows: { label: 'Rows', sum: 'cast(sum("rows") as double)' },
  io: { label: 'Blocks read', sum: `cast(sum(${BLOCKS_READ}) as double)` },
  wal: { label: 'WAL', sum: 'cast(sum(wal_bytes) as double)' },
  temp: { label: 'Temp written', sum: 'cast(sum(temp_blks_written) as double)' },
} as const;

export type Measure = keyof typeof MEASURES;

export interface QueryRow {
  /** Null for the sum of statements that the collector does not ship one by one. */
  queryid: string | null;
  query: string | null;
  databases: number;
  database: string | null;
  users: number;
  username: string | null;
  time: number | null;
  calls: number | null;
  mean: number | null;
  rows: number | null;
  io: number | null;
  wal: number | null;
  temp: number | null;
  hits: number | null;
  /** Execution time of all statements of the range, listed or not. */
  all_time: number | null;
  /** The measure in the range before, of the same length; zero without a row. */
  before: number;
  /** Collected seconds of the range, and of the range before. */
  seconds: number;
  seconds_before: number;
}

const SUMS = Object.entries(MEASURES)
  .map(([name, { sum }]) => `${sum} as "${name}"`)
  .join(',\n    ');

/** The range before, of the same length. */
const beforeRange = (window: Window) =>
  `ts >= cast($from as timestamptz) - interval '${Math.round(window.to - window.from)} seconds' and ts < cast($from as timestamptz)`;

export const topQueries = defineSql<QueryRow, { server: string; measure: Measure; pattern: string; database: string }>({
  name: 'top-queries',
  interval: STATEMENTS_INTERVAL,
  text: (window, { measure }) => `
with texts as (${latestTexts}
), statements as (
  select queryid, count(distinct datname) as databases, min(datname) as "database", count(distinct usename) as users,
    min(usename) as username,
    ${SUMS},
    cast(sum(shared_blks_hit) as double) / nullif(sum(shared_blks_hit + shared_blks_read), 0) as hits
  from ${tiered('pg_stat_statements', window)}
  where server = $server and ${during} and ($database = '' or datname = $database)
  group by queryid
), earlier as (
  select queryid, ${MEASURES[measure].sum} as before
  from ${tiered('pg_stat_statements', window)}
  where server = $server and ${beforeRange(window)} and ($database = '' or datname = $database)
  group by queryid
), covered as (
  select coalesce(sum(case when ts >= cast($from as timestamptz) then ms end), 0) / 1000.0 as seconds,
    coalesce(sum(case when ts < cast($from as timestamptz) then ms end), 0) / 1000.0 as seconds_before
  from (
    select ts, max(interval_ms) as ms
    from ${tiered('pg_stat_statements', window)}
    where server = $server and (${during} or ${beforeRange(window)}) and interval_ms > 0
    group by ts
  )
)
select cast(statements.queryid as varchar) as queryid, query, databases, "database", users, username,
  ${Object.keys(MEASURES)
    .map((name) => `"${name}"`)
    .join(', ')}, hits,
  (select sum("time") from statements) as all_time, coalesce(before, 0.0) as before, seconds, seconds_before
from statements
left join texts on texts.queryid = statements.queryid
left join earlier on earlier.queryid is not distinct from statements.queryid
cross join covered
where $measure is not null and ($pattern = '' or query ilike $pattern or cast(statements.queryid as varchar) like $pattern)
order by "${measure}" desc nulls last
limit ${TOP_QUERIES}`,
});

/** Execution time of each listed statement over time, for the sparklines. */
export const querySparks = defineSql<{ queryid: string; t: number; time: number }, { server: string; ids: string }>({
  name: 'query-sparks',
  interval: STATEMENTS_INTERVAL,
  text: (window, { ids }) => `
with ${spread(window, {
    table: 'pg_stat_statements',
    where: `$ids <> '' and queryid in (${idList(ids.split(','))})`,
    keys: { queryid: 'queryid' },
    sums: { time: 'total_exec_time' },
  })}
select cast(queryid as varchar) as queryid, t, "time" from binned order by 1, 2`,
});

export interface StatementsRow {
  t: number;
  /** Seconds of the bin that were collected. */
  seconds: number;
  time: number | null;
}

/** Execution time of all statements in each bin, and the collected seconds: divisors of shares and rates. */
export const allStatements = defineSql<StatementsRow, { server: string; database: string }>({
  name: 'all-statements',
  interval: STATEMENTS_INTERVAL,
  text: (window) => `
with ${spread(window, {
    table: 'pg_stat_statements',
    sums: { time: `case when $database = '' or datname = $database then total_exec_time end` },
  })}
select t, seconds, "time" from binned order by t`,
});

export interface QuerySeriesRow {
  t: number;
  calls: number | null;
  time: number | null;
  rows: number | null;
  /** Blocks of ordinary and temporary tables. */
  hit: number | null;
  read: number | null;
  dirtied: number | null;
  /** Blocks of ordinary tables, for the cache hit ratio of shared buffers. */
  shared_hit: number | null;
  shared_read: number | null;
  read_time: number | null;
  temp: number | null;
  wal: number | null;
}

export const querySeries = defineSql<QuerySeriesRow, { server: string; id: string }>({
  name: 'query-series',
  interval: STATEMENTS_INTERVAL,
  text: (window, { id }) => `
with ${spread(window, {
    table: 'pg_stat_statements',
    where: `$id <> '' and queryid = ${idList([id])}`,
    sums: {
      calls: 'calls',
      time: 'total_exec_time',
      rows: '"rows"',
      hit: 'shared_blks_hit + local_blks_hit',
      read: BLOCKS_READ,
      dirtied: 'shared_blks_dirtied + local_blks_dirtied',
      shared_hit: 'shared_blks_hit',
      shared_read: 'shared_blks_read',
      read_time: 'blk_read_time',
      temp: 'temp_blks_written',
      wal: 'wal_bytes',
    },
  })}
select t, calls, "time", "rows", hit, "read", dirtied, shared_hit, shared_read, read_time, temp, wal from binned order by t`,
});

export interface QueryByRow {
  database: string | null;
  username: string | null;
  time: number | null;
  calls: number | null;
  rows: number | null;
  read: number | null;
}

export const queryBy = defineSql<QueryByRow, { server: string; id: string }>({
  name: 'query-by',
  interval: STATEMENTS_INTERVAL,
  text: (window, { id }) => `
select datname as "database", usename as username, sum(total_exec_time) as time, sum(calls) as calls, sum("rows") as "rows",
  sum(${BLOCKS_READ}) as read
from ${tiered('pg_stat_statements', window)}
where server = $server and ${during} and $id <> '' and queryid = ${idList([id])}
group by 1, 2
order by time desc`,
});

export interface QueryTextRow {
  query: string;
  query_bytes: number | null;
  cut: boolean | null;
}

/** The newest text, also from before the range, so that a link to an old statement shows its text. */
export const queryText = defineSql<QueryTextRow, { server: string; id: string }>({
  name: 'query-text',
  interval: STATEMENTS_INTERVAL,
  text: (_window, { id }) => `
select query, query_bytes, cut
from pg_stat_statements_text
where server = $server and ts < cast($to as timestamptz) and cast($from as timestamptz) is not null
  and $id <> '' and queryid = ${idList([id])}
order by ts desc
limit 1`,
});

/** Wait classes of the sessions that ran the statement. */
export const queryWaits = defineSql<ClassRow, { server: string; id: string }>({
  name: 'query-waits',
  interval: ACTIVITY_INTERVAL,
  text: (window, { id }) => `
with ${spread(window, {
    table: 'pg_stat_activity',
    where: `$id <> ''`,
    keys: { class: `case when query_id = ${idList([id])} and ${ACTIVE} then ${WAIT_CLASS} end` },
    sums: { samples: 'samples' },
  })}
select t, "class", seconds, samples from binned order by t`,
});
