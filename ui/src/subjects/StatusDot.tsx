/** A server's status: a shape and a word beside the colour. */

import type { Status } from '../pages/fleet/fleet';
import classes from './StatusDot.module.css';

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
