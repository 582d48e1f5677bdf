/** A line on the fleet's page when what watches the fleet is not well itself. */
import { Anchor, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Link } from 'react-router';
import { usePageHref } from '../address/links';
import { useCollectors } from '../api/facts';
import classes from './CollectorHint.module.css';
import { troubled } from './collectors';

export function CollectorHint() {
  const collectors = useCollectors();
  const href = usePageHref();
  const all = collectors.data ?? [];
  const [worst, ...others] = troubled(all, Date.now() / 1000);
  if (!worst) return null;
  return (
    <Text size="sm" mb="sm" className={classes.hint} role="status">
      <IconAlertTriangle size={16} aria-hidden />
      <span>
        Collector <b>{worst.collector.name}</b>: {worst.verdict.said}
        {others.length > 0 ? `; and ${others.length} more of ${all.length}` : ''}.{' '}
        <Anchor component={Link} size="sm" underline="always" to={href('collectors', { which: 'trouble' })}>
          Collectors
        </Anchor>
      </span>
    </Text>
  );
}
