/** A server's status as colour, shape and word. */
import classes from './StatusDot.module.css';
import type { Status } from './servers';

const HELP: Record<Status, string> = {
  up: 'answers the collector',
  silent: 'no data for more than 45 s; check that its collector runs',
  down: 'does not answer the collector',
};

export function StatusDot({ status }: { status: Status }) {
  return (
    <span className={classes.status} data-status={status} title={HELP[status]}>
      {status}
    </span>
  );
}
