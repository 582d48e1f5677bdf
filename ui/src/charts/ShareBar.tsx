/** A bar of one row, divided by wait class. Its length is relative to the largest row. */
import { useComputedColorScheme } from '@mantine/core';
import { formatPercent } from '../format/numbers';
import { waitClass, waitOrder } from './colors';
import classes from './ShareBar.module.css';

interface ShareBarProps {
  parts: Record<string, number>;
  /** The total of the longest bar in the list. */
  largest: number;
}

export function ShareBar({ parts, largest }: ShareBarProps) {
  const scheme = useComputedColorScheme('light');
  const entries = Object.entries(parts).sort(([a], [b]) => waitOrder(a) - waitOrder(b));
  const total = entries.reduce((sum, [, value]) => sum + value, 0);
  const label = entries.map(([name, value]) => `${name} ${formatPercent(total > 0 ? value / total : 0)}`).join(', ');
  return (
    <div className={classes.bar} role="img" aria-label={label} title={label}>
      {entries.map(([name, value]) => (
        <span
          key={name}
          style={{ width: `${largest > 0 ? (value / largest) * 100 : 0}%`, background: waitClass(name).color[scheme] }}
        />
      ))}
    </div>
  );
}
