/** The Queries page: which statements cause the load? The top statements by a measure, compared with the range before. */
import { Select } from '@mantine/core';
import { useMemo } from 'react';
import { useParam, useServer } from '../../address/links';
import { usePair, useSql } from '../../history/useSql';
import { SearchBox } from '../../layout/SearchBox';
import { Empty, Loaded, PageHeader } from '../../layout/States';
import { DataTable } from '../../table/DataTable';
import classes from './Queries.module.css';
import { allStatements, MEASURES, type Measure, querySparks, TOP_QUERIES, topQueries } from './queries.sql';
import { sparkLines } from './series';
import { useColumns } from './useColumns';

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
        .flatMap((row) => row.queryid ?? [])
        .sort()
        .join(','),
    [top.data],
  );
  const sparks = useSql(querySparks, { server, ids }, { enabled: enabled && ids !== '', points: SPARK_POINTS });

  const both = usePair(sparks.data, all.data);
  const lines = useMemo(() => (both ? sparkLines(both.a.window, both.a.rows, both.b.rows) : new Map()), [both]);
  const { from, to } = top.data?.window ?? { from: 0, to: 0 };
  const columns = useColumns(measure, to - from, lines);

  return (
    <>
      <title>{`Queries · ${server} · pgAnalytics`}</title>
      <PageHeader title="Queries" />
      <Loaded query={top} what="read the queries" height={420}>
        {(data) =>
          data.rows.length === 0 && !search && !database ? (
            <Empty title="No statements in this range">
              The collector reads pg_stat_statements every minute. If the server runs queries and the list stays empty,
              check that shared_preload_libraries contains pg_stat_statements and that the extension exists in the
              collector’s database.
            </Empty>
          ) : (
            <DataTable
              key={measure}
              label="Queries"
              rows={data.rows}
              columns={columns}
              rowKey={(row) => row.queryid ?? 'other'}
              defaultSort={`-${measure}`}
              fill
              empty="No statement matches. The search covers texts and query ids."
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
