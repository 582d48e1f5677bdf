/** Shown while no server has reported. */
import { Empty } from '../layout/States';

export function NoServers() {
  return (
    <Empty title="No server reports yet">
      Start a collector with a server, for example{' '}
      <code>pganalytics all-in-one --data ./data "host=db-1 user=monitor"</code>. A server appears within ten seconds of
      its first answer.
    </Empty>
  );
}
