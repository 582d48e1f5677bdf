/** Columns of the Queries table. */
import { useMemo } from 'react';
import { Link } from 'react-router';
import { usePageHref } from '../../address/links';
import { Sparkline } from '../../charts/Sparkline';
import { exact, formatBytes, formatChange, formatCount, formatMs, formatPercent } from '../../format/numbers';
import { SqlLine } from '../../sqltext/SqlText';
import { blockBytes } from '../../subjects/statements';
import type { TableColumn } from '../../table/DataTable';
import { comparable, growth } from './change';
import classes from './Queries.module.css';
import { MEASURES, type Measure, type QueryRow } from './queries.sql';

const OTHER_STATEMENTS = '(other statements)';

/** From this growth on, the change is coloured. */
const NOTABLE_CHANGE = 1.5;

/** `length`: the range's length in seconds. */
export function useColumns(
  measure: Measure,
  length: number,
  sparks: Map<string, (number | null)[]>,
): TableColumn<QueryRow>[] {
  const href = usePageHref();
  return useMemo(() => {
    const before = (row: QueryRow) => comparable(measure, row, length);
    const number = (
      key: Measure | 'hits',
      label: string,
      format: (value: number | null) => string,
      unit: 'count' | 'ms' | 'bytes' | 'percent',
      value: (row: QueryRow) => number | null = (row) => row[key],
    ): TableColumn<QueryRow> => ({
      key,
      label,
      numeric: true,
      sort: value,
      cell: (row) => format(value(row)),
      title: (row) => exact(value(row), unit),
    });
    return [
      {
        key: 'query',
        label: 'Query',
        cell: (row) =>
          row.queryid === null ? (
            <span>{OTHER_STATEMENTS}</span>
          ) : (
            <Link to={href('query', { id: row.queryid })} className={classes.query} title={row.query ?? undefined}>
              {row.query ? <SqlLine sql={row.query} /> : <span>text not yet read ({row.queryid})</span>}
            </Link>
          ),
        text: (row) => row.query ?? row.queryid ?? OTHER_STATEMENTS,
        sort: (row) => row.query,
      },
      number('time', 'Total time', formatMs, 'ms'),
      {
        key: 'spark',
        label: 'Time',
        help: 'Execution time per second. Each row has its own scale',
        cell: (row) => <Sparkline values={sparks.get(row.queryid ?? '') ?? []} unit="ms" width={80} />,
        text: () => '',
        width: 104,
      },
      {
        key: 'share',
        label: 'Share',
        help: 'Share of the execution time of all statements',
        numeric: true,
        sort: share,
        cell: (row) => formatPercent(share(row)),
        title: (row) => exact(share(row), 'percent'),
      },
      {
        key: 'change',
        label: 'Change',
        help: `${MEASURES[measure].label} compared with the range before, of the same length${measure === 'mean' ? '' : ', per collected second'}`,
        numeric: true,
        sort: (row) => growth(row[measure], before(row)),
        cell: (row) => <Change now={row[measure]} before={before(row)} />,
        text: (row) => formatChange(row[measure], before(row)),
        title: (row) =>
          before(row) === null
            ? 'Less than 80 % of the range before was collected'
            : `${exact(row.before)} in the range before`,
      },
      number('calls', 'Calls', formatCount, 'count'),
      number('mean', 'Mean', formatMs, 'ms'),
      number('rows', 'Rows', formatCount, 'count'),
      number('hits', 'Hits', formatPercent, 'percent'),
      number('io', 'Read', formatBytes, 'bytes', (row) => blockBytes(row.io)),
      number('wal', 'WAL', formatBytes, 'bytes'),
      number('temp', 'Temp', formatBytes, 'bytes', (row) => blockBytes(row.temp)),
      {
        key: 'database',
        label: 'Database',
        sort: (row) => row.database,
        cell: (row) => (row.databases > 1 ? `${row.databases} databases` : row.database),
      },
    ];
  }, [href, measure, length, sparks]);
}

/** Share of the execution time of all statements. */
function share(row: QueryRow): number | null {
  return row.time !== null && row.all_time ? row.time / row.all_time : null;
}

function Change({ now, before }: { now: number | null; before: number | null }) {
  const grown = now !== null && before !== null && now > before * NOTABLE_CHANGE;
  return <span className={grown ? classes.grown : classes.calm}>{formatChange(now, before)}</span>;
}
