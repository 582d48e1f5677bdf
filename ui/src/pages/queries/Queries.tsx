/** Which work? The statements that took most of what was chosen, against the range before. */
import { Select } from '@mantine/core';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { usePageHref, useParam } from '../../address/links';
import { Sparkline } from '../../charts/Sparkline';
import { exact, formatBytes, formatChange, formatCount, formatMs, formatPercent } from '../../format/numbers';
import { enough } from '../../history/spread';
import { useSql } from '../../history/useSql';
import { SearchBox } from '../../layout/SearchBox';
import { Empty, Loaded, PageHeader } from '../../layout/States';
import { timeline } from '../../range/bins';
import { useServer } from '../../shell/ServerPicker';
import { SqlLine } from '../../sqltext/SqlText';
import { DataTable, type TableColumn } from '../../table/DataTable';
import classes from './Queries.module.css';
import {
  allStatements,
  MEASURES,
  type Measure,
  type QueryRow,
  querySparks,
  TOP_QUERIES,
  topQueries,
} from './queries.sql';

/** PostgreSQL's block size; a server built with another one is rare enough. */
export const BLOCK_BYTES = 8192;

/** A change is said in colour from here on, and only where it matters: a doubling of nothing is nothing. */
const NOTABLE_CHANGE = 1.5;

const SPARK_POINTS = 40;

export default function Queries() {
  const server = useServer();
  const [measureText, setMeasure] = useParam('by', 'time');
  const measure: Measure = measureText in MEASURES ? (measureText as Measure) : 'time';
  const [search, setSearch] = useParam('search');
  const [database] = useParam('database');
  const enabled = server !== '';
  const top = useSql(topQueries, { server, measure, pattern: search ? `%${search}%` : '', database }, { enabled });
  const all = useSql(allStatements, { server, database }, { enabled, points: SPARK_POINTS });
  const ids = useMemo(
    () =>
      (top.data?.rows ?? [])
        .map((row) => row.queryid)
        .sort()
        .join(','),
    [top.data],
  );
  const sparks = useSql(querySparks, { server, ids }, { enabled: enabled && ids !== '', points: SPARK_POINTS });

  const series = useMemo(() => {
    const lines = new Map<string, (number | null)[]>();
    if (!sparks.data || !all.data) return lines;
    const { window } = sparks.data;
    const times = timeline(window);
    const index = new Map(times.map((t, i) => [t, i]));
    const read = new Map(all.data.rows.map((row) => [row.t, row.seconds]));
    const seconds = times.map((t) => enough(read.get(t), window));
    const quiet = seconds.map((length) => (length === null ? null : 0));
    for (const row of sparks.data.rows) {
      const line = lines.get(row.queryid) ?? [...quiet];
      const i = index.get(row.t);
      const length = i === undefined ? null : seconds[i];
      if (i !== undefined && length) line[i] = row.time / length;
      lines.set(row.queryid, line);
    }
    return lines;
  }, [sparks.data, all.data]);

  const totalTime = (all.data?.rows ?? []).reduce((sum, row) => sum + (row.time ?? 0), 0);
  const columns = useColumns(measure, totalTime, series);

  return (
    <>
      <title>{`Queries · ${server} · pgAnalytics`}</title>
      <PageHeader title="Queries" />
      <Loaded query={top} what="read the queries" height={420}>
        {(data) =>
          data.rows.length === 0 && !search && !database ? (
            <Empty title="No statements in this range">
              They come from pg_stat_statements, each minute. If the server works and nothing shows up, check that the
              extension is in shared_preload_libraries and created in the collector’s database.
            </Empty>
          ) : (
            <DataTable
              key={measure}
              label="Queries"
              rows={data.rows}
              columns={columns}
              rowKey={(row) => row.queryid}
              defaultSort={`-${measure}`}
              fill
              empty="No statement matches. Search looks into texts and query ids."
              toolbar={
                <>
                  <SearchBox value={search} onChange={setSearch} label="Search texts" />
                  <Select
                    size="xs"
                    w={180}
                    aria-label="Top by"
                    allowDeselect={false}
                    value={measure}
                    onChange={(value) => setMeasure(value ?? 'time')}
                    data={Object.entries(MEASURES).map(([value, { label }]) => ({
                      value,
                      label: `Top by ${label.toLowerCase()}`,
                    }))}
                  />
                  {data.rows.length === TOP_QUERIES ? (
                    <span className={classes.note}>the first {TOP_QUERIES}</span>
                  ) : null}
                </>
              }
            />
          )
        }
      </Loaded>
    </>
  );
}

function useColumns(
  measure: Measure,
  totalTime: number,
  sparks: Map<string, (number | null)[]>,
): TableColumn<QueryRow>[] {
  const href = usePageHref();
  return useMemo(() => {
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
        cell: (row) => (
          <Link to={href('query', { id: row.queryid })} className={classes.query} title={row.query ?? undefined}>
            {row.query ? <SqlLine sql={row.query} /> : <span>text not read yet ({row.queryid})</span>}
          </Link>
        ),
        text: (row) => row.query ?? row.queryid,
        sort: (row) => row.query,
      },
      number('time', 'Total time', formatMs, 'ms'),
      {
        key: 'spark',
        label: 'Time',
        help: 'Execution time per second, each row with its own scale',
        cell: (row) => <Sparkline values={sparks.get(row.queryid) ?? []} unit="ms" width={80} />,
        text: () => '',
        width: 104,
      },
      {
        key: 'share',
        label: 'Share',
        help: 'Share of the execution time of all statements',
        numeric: true,
        sort: (row) => (totalTime > 0 && row.time !== null ? row.time / totalTime : null),
        cell: (row) => formatPercent(totalTime > 0 && row.time !== null ? row.time / totalTime : null),
      },
      {
        key: 'change',
        label: 'Change',
        help: `${MEASURES[measure].label} against the range before, of the same length`,
        numeric: true,
        sort: (row) => growth(row[measure], row.before),
        cell: (row) => <Change now={row[measure]} before={row.before} />,
        text: (row) => formatChange(row[measure], row.before),
        title: (row) =>
          row.before === null
            ? 'The range before was not collected, or not whole'
            : `${exact(row.before)} in the range before`,
      },
      number('calls', 'Calls', formatCount, 'count'),
      number('mean', 'Mean', formatMs, 'ms'),
      number('rows', 'Rows', formatCount, 'count'),
      number('hits', 'Hits', formatPercent, 'percent'),
      number('io', 'Read', formatBytes, 'bytes', (row) => bytes(row.io)),
      number('wal', 'WAL', formatBytes, 'bytes'),
      number('temp', 'Temp', formatBytes, 'bytes', (row) => bytes(row.temp)),
      {
        key: 'database',
        label: 'Database',
        sort: (row) => row.database,
        cell: (row) => (row.databases > 1 ? `${row.databases} databases` : row.database),
      },
    ];
  }, [href, measure, totalTime, sparks]);
}

const bytes = (blocks: number | null) => (blocks === null ? null : blocks * BLOCK_BYTES);

/** What the change sorts by: a statement that is new comes before any that grew. */
function growth(now: number | null, before: number | null): number | null {
  if (now === null || before === null) return null;
  if (before > 0) return now / before;
  return now > 0 ? Number.MAX_VALUE : 1;
}

function Change({ now, before }: { now: number | null; before: number | null }) {
  const grown = now !== null && before !== null && now > before * NOTABLE_CHANGE;
  return <span className={grown ? classes.grown : classes.calm}>{formatChange(now, before)}</span>;
}
