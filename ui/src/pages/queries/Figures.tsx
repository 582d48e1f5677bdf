/** The figures of one statement over the range. */
import { exact, formatBytes, formatCount, formatMs, formatPercent } from '../../format/numbers';
import classes from './Queries.module.css';
import type { QuerySeriesRow, StatementsRow } from './queries.sql';

export function Figures({ rows, all }: { rows: QuerySeriesRow[]; all: StatementsRow[] }) {
  const sum = (pick: (row: QuerySeriesRow) => number | null) =>
    rows.reduce((total, row) => total + (pick(row) ?? 0), 0);
  const time = sum((row) => row.time);
  const calls = sum((row) => row.calls);
  const hit = sum((row) => row.hit);
  const read = sum((row) => row.read);
  const everything = all.reduce((total, row) => total + (row.time ?? 0), 0);
  const figures: [string, string, string][] = [
    ['Total time', formatMs(time), exact(time, 'ms')],
    ['Share of all', formatPercent(everything > 0 ? time / everything : null), ''],
    ['Calls', formatCount(calls), exact(calls)],
    ['Mean time', formatMs(calls > 0 ? time / calls : null), exact(calls > 0 ? time / calls : null, 'ms')],
    ['Rows per call', formatCount(calls > 0 ? sum((row) => row.rows) / calls : null), ''],
    ['Cache hit', formatPercent(hit + read > 0 ? hit / (hit + read) : null), ''],
    [
      'WAL',
      formatBytes(sum((row) => row.wal)),
      exact(
        sum((row) => row.wal),
        'bytes',
      ),
    ],
  ];
  return (
    <dl className={classes.figures}>
      {figures.map(([name, value, title]) => (
        <div key={name} title={title || undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
