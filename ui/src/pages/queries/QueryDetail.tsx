/** The Query page: why is one statement slow? Its text, figures, waits and charts, and its databases and users. */
import { Anchor, Stack, Text } from '@mantine/core';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { usePageHref, useParam, useServer } from '../../address/links';
import { TimeChart } from '../../charts/TimeChart';
import { formatBytes } from '../../format/numbers';
import { type SqlData, usePair, useSql } from '../../history/useSql';
import { Empty, Loaded, PageHeader } from '../../layout/States';
import { SqlBlock } from '../../sqltext/SqlText';
import { type ClassRow, sessionSeries } from '../../subjects/sessions';
import { DataTable } from '../../table/DataTable';
import { BY_COLUMNS } from './byColumns';
import { Figures } from './Figures';
import classes from './Queries.module.css';
import { allStatements, queryBy, querySeries, queryText, queryWaits } from './queries.sql';
import { SeriesCharts } from './SeriesCharts';
import { statementFigures } from './series';

export default function QueryDetail() {
  const server = useServer();
  const [id] = useParam('id');
  const href = usePageHref();
  const enabled = server !== '' && id !== '';
  const text = useSql(queryText, { server, id }, { enabled });
  const series = useSql(querySeries, { server, id }, { enabled });
  const all = useSql(allStatements, { server, database: '' }, { enabled });
  const by = useSql(queryBy, { server, id }, { enabled });
  const both = usePair(series.data, all.data);
  const waits = useSql(queryWaits, { server, id }, { enabled });

  if (id === '')
    return (
      <Empty whole title="No query chosen">
        Choose a query on the page Queries.
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
                    Truncated. The whole text has {formatBytes(rows[0].query_bytes)}.
                  </Text>
                ) : null}
              </div>
            ) : (
              <Empty title="No text for this query id">
                The collector reads a text within a minute after the statement first runs. The statement may belong to
                another server than the selected one.
              </Empty>
            )
          }
        </Loaded>
        <Loaded query={series} what="read the series" height={44}>
          {() => (
            <Loaded query={all} what="read all statements" height={44}>
              {() => (both ? <Figures figures={statementFigures(both.a.rows, both.b.rows)} /> : null)}
            </Loaded>
          )}
        </Loaded>
        <Loaded query={waits} what="read the waits" height={240}>
          {(data) => <Waits data={data} />}
        </Loaded>
        {both ? <SeriesCharts window={both.a.window} rows={both.a.rows} collected={both.b.rows} /> : null}
        <Loaded query={by} what="read databases and users" height={120}>
          {({ rows }) => (
            <DataTable
              label="By database and user"
              rows={rows}
              columns={BY_COLUMNS}
              rowKey={(row) => `${row.database}/${row.username}`}
              defaultSort="-time"
              empty="The statement did not run in this range."
              toolbar={<h2 style={{ margin: 0, fontSize: 15 }}>By database and user</h2>}
            />
          )}
        </Loaded>
      </Stack>
    </>
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
        overall="mean"
        stack
        level={2}
        height={170}
        emptyText="No session was sampled in this range"
      />
    </div>
  );
}
