/** Why? One statement: its text, its figures over the range, its series, its waits, who runs it. */
import { Anchor, Stack, Text } from '@mantine/core';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { usePageHref, useParam } from '../../address/links';
import { seriesColor } from '../../charts/colors';
import { TimeChart } from '../../charts/TimeChart';
import { exact, formatBytes, formatCount, formatMs, formatPercent, type Unit } from '../../format/numbers';
import { enough } from '../../history/spread';
import type { Window } from '../../history/sql';
import { type SqlData, useSql } from '../../history/useSql';
import { Empty, Loaded, PageHeader } from '../../layout/States';
import { timeline } from '../../range/bins';
import { useServer } from '../../shell/ServerPicker';
import { SqlBlock } from '../../sqltext/SqlText';
import { DataTable, type TableColumn } from '../../table/DataTable';
import { sessionSeries } from '../server/activity';
import type { ClassRow } from '../server/activity.sql';
import { BLOCK_BYTES } from './Queries';
import classes from './Queries.module.css';
import {
  allStatements,
  type QueryByRow,
  type QuerySeriesRow,
  queryBy,
  querySeries,
  queryText,
  queryWaits,
  type StatementsRow,
} from './queries.sql';

export default function QueryDetail() {
  const server = useServer();
  const [id] = useParam('id');
  const href = usePageHref();
  const enabled = server !== '' && id !== '';
  const text = useSql(queryText, { server, id }, { enabled });
  const series = useSql(querySeries, { server, id }, { enabled });
  const all = useSql(allStatements, { server, database: '' }, { enabled });
  const by = useSql(queryBy, { server, id }, { enabled });
  const waits = useSql(queryWaits, { server, id }, { enabled });

  if (id === '')
    return (
      <Empty whole title="No query chosen">
        Choose one on the page Queries.
      </Empty>
    );
  return (
    <>
      <title>{`Query ${id} · pgAnalytics`}</title>
      <PageHeader title="Query">
        <Text size="sm" c="dimmed">
          <Anchor component={Link} to={href('queries')} size="sm" underline="always">
            All queries
          </Anchor>{' '}
          · id <code>{id}</code>
        </Text>
      </PageHeader>
      <Stack gap="md">
        <Loaded query={text} what="read the text" height={160}>
          {({ rows }) =>
            rows[0] ? (
              <div>
                <SqlBlock sql={rows[0].query} />
                {rows[0].cut ? (
                  <Text size="xs" c="dimmed" mt={4}>
                    Cut: the whole text has {formatBytes(rows[0].query_bytes)}.
                  </Text>
                ) : null}
              </div>
            ) : (
              <Empty title="No text for this query id">
                Texts are read a minute after a statement first shows up. Its server may differ from the one chosen
                above.
              </Empty>
            )
          }
        </Loaded>
        <Loaded query={series} what="read the series" height={44}>
          {(data) => <Figures rows={data.rows} all={all.data?.rows ?? []} />}
        </Loaded>
        <Loaded query={waits} what="read the waits" height={240}>
          {(data) => <Waits data={data} />}
        </Loaded>
        {series.data ? <SeriesCharts data={series.data} all={all.data?.rows ?? []} /> : null}
        <Loaded query={by} what="read who runs it" height={120}>
          {({ rows }) => (
            <DataTable
              label="By database and user"
              rows={rows}
              columns={BY_COLUMNS}
              rowKey={(row) => `${row.database}/${row.username}`}
              defaultSort="-time"
              empty="Nobody ran it in this range."
              toolbar={<h2 style={{ margin: 0, fontSize: 15 }}>By database and user</h2>}
            />
          )}
        </Loaded>
      </Stack>
    </>
  );
}

interface Chart {
  title: string;
  subtitle?: string;
  unit: Unit;
  lines: { name: string; value: (row: QuerySeriesRow, seconds: number) => number | null }[];
  /** Means do not exist where nothing ran; rates are zero there. */
  mean?: boolean;
}

const rate = (pick: (row: QuerySeriesRow) => number | null) => (row: QuerySeriesRow, seconds: number) => {
  const value = pick(row);
  return value === null ? null : value / seconds;
};

const CHARTS: Chart[] = [
  { title: 'Calls', unit: 'per_second', lines: [{ name: 'calls', value: rate((row) => row.calls) }] },
  {
    title: 'Mean time',
    subtitle: 'per call',
    unit: 'ms',
    mean: true,
    lines: [
      { name: 'execution', value: (row) => (row.calls && row.time !== null ? row.time / row.calls : null) },
      {
        name: 'of it reading blocks',
        value: (row) => (row.calls && row.read_time !== null ? row.read_time / row.calls : null),
      },
    ],
  },
  {
    title: 'Total time',
    subtitle: 'seconds spent per second: sessions kept busy',
    unit: 'sessions',
    lines: [{ name: 'execution', value: rate((row) => (row.time === null ? null : row.time / 1000)) }],
  },
  { title: 'Rows', unit: 'per_second', lines: [{ name: 'rows', value: rate((row) => row.rows) }] },
  {
    title: 'Blocks',
    unit: 'bytes_per_second',
    lines: [
      { name: 'hit', value: rate((row) => blocks(row.hit)) },
      { name: 'read', value: rate((row) => blocks(row.read)) },
      { name: 'dirtied', value: rate((row) => blocks(row.dirtied)) },
    ],
  },
  {
    title: 'WAL and temporary files',
    unit: 'bytes_per_second',
    lines: [
      { name: 'WAL', value: rate((row) => row.wal) },
      { name: 'temp written', value: rate((row) => blocks(row.temp)) },
    ],
  },
];

const blocks = (count: number | null) => (count === null ? null : count * BLOCK_BYTES);

function Figures({ rows, all }: { rows: QuerySeriesRow[]; all: StatementsRow[] }) {
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

function SeriesCharts({ data, all }: { data: SqlData<QuerySeriesRow>; all: StatementsRow[] }) {
  return (
    <div className={classes.grid}>
      {CHARTS.map((chart) => (
        <SeriesChart key={chart.title} chart={chart} window={data.window} rows={data.rows} collected={all} />
      ))}
    </div>
  );
}

interface SeriesChartProps {
  chart: Chart;
  window: Window;
  rows: QuerySeriesRow[];
  collected: StatementsRow[];
}

function SeriesChart({ chart, window, rows, collected }: SeriesChartProps) {
  const { times, series } = useMemo(() => {
    const at = timeline(window);
    const byTime = new Map(rows.map((row) => [row.t, row]));
    const read = new Map(collected.map((row) => [row.t, row.seconds]));
    const lines = chart.lines.map((line, i) => ({
      name: line.name,
      color: seriesColor(i),
      values: at.map((t) => {
        const seconds = enough(read.get(t), window);
        if (seconds === null) return null;
        const row = byTime.get(t);
        if (!row) return chart.mean ? null : 0;
        return line.value(row, seconds);
      }),
    }));
    return { times: at, series: lines };
  }, [chart, window, rows, collected]);
  return (
    <div className={classes.panel}>
      <TimeChart
        title={chart.title}
        subtitle={chart.subtitle}
        unit={chart.unit}
        times={times}
        series={series}
        window={window}
        level={2}
        height={150}
      />
    </div>
  );
}

function Waits({ data }: { data: SqlData<ClassRow> }) {
  const { times, series } = useMemo(() => sessionSeries(data.window, data.rows), [data]);
  return (
    <div className={classes.panel}>
      <TimeChart
        title="Sessions running it"
        subtitle="by wait class"
        unit="sessions"
        times={times}
        series={series}
        window={data.window}
        stack
        level={2}
        height={170}
        emptyText="No session was sampled in this range"
      />
    </div>
  );
}

const BY_COLUMNS: TableColumn<QueryByRow>[] = [
  { key: 'database', label: 'Database', sort: (row) => row.database, cell: (row) => row.database ?? '–' },
  { key: 'user', label: 'User', sort: (row) => row.username, cell: (row) => row.username ?? '–' },
  {
    key: 'time',
    label: 'Total time',
    numeric: true,
    sort: (row) => row.time,
    cell: (row) => formatMs(row.time),
    title: (row) => exact(row.time, 'ms'),
  },
  {
    key: 'calls',
    label: 'Calls',
    numeric: true,
    sort: (row) => row.calls,
    cell: (row) => formatCount(row.calls),
    title: (row) => exact(row.calls),
  },
  {
    key: 'mean',
    label: 'Mean',
    numeric: true,
    sort: (row) => (row.calls ? (row.time ?? 0) / row.calls : null),
    cell: (row) => formatMs(row.calls ? (row.time ?? 0) / row.calls : null),
  },
  { key: 'rows', label: 'Rows', numeric: true, sort: (row) => row.rows, cell: (row) => formatCount(row.rows) },
  {
    key: 'read',
    label: 'Read',
    numeric: true,
    sort: (row) => row.read,
    cell: (row) => formatBytes(blocks(row.read)),
    title: (row) => exact(blocks(row.read), 'bytes'),
  },
];
