/** SQL about servers that several pages use. */
import { tierOf } from '../history/sql';
import type { Window } from '../range/bins';

/** Milliseconds of a row of pganalytics_server in which the server was up. A rollup's row also has the seconds of a server that was down. */
export function upMilliseconds(window: Pick<Window, 'bin'>): string {
  return tierOf(window) ? 'interval_ms * up_avg' : 'case when up then interval_ms end';
}
