/** A warning on the fleet page while a collector is unhealthy. */
import { Anchor, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Link } from 'react-router';
import { usePageHref } from '../address/links';
import { useCollectors } from '../api/facts';
import classes from './CollectorHint.module.css';
import { unhealthy } from './collectors';

export function CollectorHint() {
  const collectors = useCollectors();
  const href = usePageHref();
  const all = collectors.data ?? [];
  const [worst, ...others] = unhealthy(all, Date.now() / 1000);
  if (!worst) return null;
  return (
    <Text size="sm" mb="sm" className={classes.hint} role="status">
      <IconAlertTriangle size={16} aria-hidden />
      <span>
        Collector <b>{worst.collector.name}</b>: {worst.verdict.message}
        {others.length > 0 ? ` ${others.length} more of ${all.length} collectors need attention.` : ''}{' '}
        <Anchor component={Link} size="sm" underline="always" to={href('collectors', { which: 'trouble' })}>
          Collectors
        </Anchor>
      </span>
    </Text>
  );
}
