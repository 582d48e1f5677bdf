/** The figures of one statement over the range. */
import { exact, formatBytes, formatCount, formatMs, formatPercent } from '../../format/numbers';
import classes from './Queries.module.css';
import type { StatementFigures } from './series';

export function Figures({ figures }: { figures: StatementFigures }) {
  const { time, share, calls, mean, rowsPerCall, hits, wal } = figures;
  const shown: [name: string, value: string, title: string][] = [
    ['Total time', formatMs(time), exact(time, 'ms')],
    ['Share of all', formatPercent(share), exact(share, 'percent')],
    ['Calls', formatCount(calls), exact(calls)],
    ['Mean time', formatMs(mean), exact(mean, 'ms')],
    ['Rows per call', formatCount(rowsPerCall), exact(rowsPerCall)],
    ['Cache hit', formatPercent(hits), exact(hits, 'percent')],
    ['WAL', formatBytes(wal), exact(wal, 'bytes')],
  ];
  return (
    <dl className={classes.figures}>
      {shown.map(([name, value, title]) => (
        <div key={name} title={title}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
