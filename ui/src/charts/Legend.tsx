/** A chart's legend: colour, name, and the figure of the range or at the cursor. A click isolates a series, a second click shows all. */
import { UnstyledButton } from '@mantine/core';
import type { Ref } from 'react';
import { formatUnit, type Unit } from '../format/numbers';
import type { Scheme } from './colors';
import { OVERALL_NAMES, type Overall, type Series } from './stack';
import classes from './TimeChart.module.css';

interface LegendProps {
  ref: Ref<HTMLUListElement>;
  series: Series[];
  unit: Unit;
  overall: Overall;
  scheme: Scheme;
  isolated: string | null;
  onIsolate: (name: string | null) => void;
}

export function Legend({ ref, series, unit, overall, scheme, isolated, onIsolate }: LegendProps) {
  const effective = series.some((entry) => entry.name === isolated) ? isolated : null;
  return (
    <ul ref={ref} className={classes.legend}>
      {series.map((entry) => (
        <li key={entry.name}>
          <UnstyledButton
            className={classes.entry}
            data-off={effective !== null && effective !== entry.name}
            aria-pressed={effective === entry.name}
            title={[entry.help, effective === entry.name ? 'Click to show all' : 'Click to isolate']
              .filter(Boolean)
              .join(' – ')}
            onClick={() => onIsolate(effective === entry.name ? null : entry.name)}
          >
            <span className={classes.swatch} style={{ background: entry.color[scheme] }} />
            {entry.name}
            <span className={classes.value} data-value>
              {formatUnit(entry.overall, unit)}
            </span>
          </UnstyledButton>
        </li>
      ))}
      <li className={classes.caption} data-caption>
        {OVERALL_NAMES[overall]}
      </li>
    </ul>
  );
}
