/** The Queries page: which statements cause the load? The top statements by a measure, compared with the range before. */
import { Select } from '@mantine/core';
import { useMemo } from 'react';
import { useParam, useServer } from '../../address/links';
import { enough } from '../../history/spread';
import { useSql } from '../../history/useSql';
import { SearchBox } from '../../layout/SearchBox';
import { Empty, Loaded, PageHeader } from '../../layout/States';
import { timeline } from '../../range/bins';
import { DataTable } from '../../table/DataTable';
import classes from './Queries.module.css';
import { allStatements, MEASURES, type Measure, querySparks, TOP_QUERIES, topQueries } from './queries.sql';
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
              rowKey={(row) => row.queryid}
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
