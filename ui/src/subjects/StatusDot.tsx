/** A server's status: a shape and a word beside the colour. */

import classes from './StatusDot.module.css';
import type { Status } from './servers';

const HELP: Record<Status, string> = {
  up: 'answers',
  silent: 'nothing has arrived for a while: is its collector running?',
  down: 'refuses the collector’s connection',
};

export function StatusDot({ status }: { status: Status }) {
  return (
    <span className={classes.status} data-status={status} title={HELP[status]}>
      {status}
    </span>
  );
}
