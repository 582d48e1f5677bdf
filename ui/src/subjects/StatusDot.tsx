/** A server's status as colour, shape and word. */
import classes from './StatusDot.module.css';
import type { Status } from './servers';

const HELP: Record<Status, string> = {
  up: 'answers the collector',
  silent: 'no data for more than 45 s; check that its collector runs',
  full: 'too many connections: the server runs, but has no connection left for the collector',
  down: 'does not answer the collector',
};

/** `reason`: the hover text, if more is known than the status. */
export function StatusDot({ status, reason }: { status: Status; reason?: string | null }) {
  return (
    <span className={classes.status} data-status={status} title={reason ?? HELP[status]}>
      {status}
    </span>
  );
}
