/** SQL about servers that several pages use. */
import { defineSql, tierOf } from '../history/sql';
import type { Window } from '../range/bins';

/** Milliseconds of a row of pganalytics_server in which the server was up. A rollup's row also covers its time down. */
export function upMilliseconds(window: Pick<Window, 'bin'>): string {
  return tierOf(window) ? 'interval_ms * up_avg' : 'case when up then interval_ms end';
}

const epoch = (column: string) => `cast(extract(epoch from ${column}) as double)`;

/** The backend's limit: a fleet of this many servers. */
const MAX_SERVERS = 100_000;

/**
 * When each server last answered, in epoch seconds, within the last 31 days; of one server, or of all for an empty name. Up to two
 * hours back the time is exact. Before, it is exact if the server was up at the end of an hour; else it is at most an hour early.
 */
export const lastUp = defineSql<{ server: string; last_up: number }, { server: string }>({
  name: 'last-up',
  interval: 10,
  maxRows: MAX_SERVERS,
  text: () => `
with answers as (
  select server, max(${epoch('ts')}) as last_up
  from pganalytics_server
  where ts >= now() - interval '2 hours' and up and ($server = '' or server = $server)
  group by server
  union all
  select server,
    max(case when up then ${epoch('last_ts')} else ${epoch('ts')} + up_avg * (${epoch('last_ts')} - ${epoch('ts')}) end) as last_up
  from pganalytics_server_1h
  where ts >= now() - interval '31 days' and up_avg > 0 and ($server = '' or server = $server)
  group by server
)
select server, max(last_up) as last_up
from answers
where cast($from as timestamptz) < cast($to as timestamptz)
group by server`,
});
