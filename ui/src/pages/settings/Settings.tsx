/** Is the monitor well? Its collectors, and what each view costs. For admins: users, tokens and retention. */
import { Code, Stack } from '@mantine/core';
import { type Collector, useCollectors, useSession } from '../../api/facts';
import { exact, formatCount } from '../../format/numbers';
import { formatAgo, formatMoment, parseTime, type Zone } from '../../format/time';
import { useZone } from '../../range/RangeProvider';
import { Empty, Loaded, PageHeader } from '../../shell/States';
import { DataTable, type TableColumn } from '../../table/DataTable';
import { Retention } from './Retention';
import { Tokens } from './Tokens';
import { Users } from './Users';

export default function Settings() {
  const session = useSession();
  const collectors = useCollectors();
  const [zone] = useZone();
  return (
    <>
      <title>Settings · pgAnalytics</title>
      <PageHeader title="Settings" />
      <Stack gap="xl">
        <Loaded query={collectors} what="read the collectors" height={140}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty title="No collector has reported yet">
                Start <Code>pganalytics all-in-one</Code> with a target, or <Code>pganalytics-collector</Code> with a
                collector token.
              </Empty>
            ) : (
              <DataTable
                label="Collectors"
                rows={rows}
                columns={collectorColumns(zone)}
                rowKey={(row) => row.id}
                defaultSort="name"
                sortParam="collectors"
                toolbar={<h2 style={{ margin: 0, fontSize: 15 }}>Collectors</h2>}
              />
            )
          }
        </Loaded>
        {session.data?.role === 'admin' ? (
          <>
            <Users />
            <Tokens />
            <Retention />
          </>
        ) : null}
      </Stack>
    </>
  );
}

function collectorColumns(zone: Zone): TableColumn<Collector>[] {
  const time = (key: 'first_seen' | 'last_seen', label: string): TableColumn<Collector> => ({
    key,
    label,
    numeric: true,
    sort: (row) => parseTime(row[key]),
    cell: (row) => formatAgo(parseTime(row[key]), Date.now() / 1000),
    title: (row) => formatMoment(parseTime(row[key]) ?? 0, zone),
  });
  return [
    { key: 'name', label: 'Name', sort: (row) => row.name, cell: (row) => row.name, title: (row) => row.id },
    { key: 'version', label: 'Version', sort: (row) => row.version, cell: (row) => row.version },
    {
      key: 'rows',
      label: 'Rows received',
      numeric: true,
      sort: (row) => row.rows,
      cell: (row) => formatCount(row.rows),
      title: (row) => exact(row.rows),
    },
    {
      key: 'dropped_rows',
      label: 'Rows dropped',
      help: 'Dropped by the collector because its spool was full',
      numeric: true,
      sort: (row) => row.dropped_rows,
      cell: (row) => (
        <span style={row.dropped_rows > 0 ? { color: 'var(--pga-bad)' } : undefined}>
          {formatCount(row.dropped_rows)}
        </span>
      ),
      title: (row) => exact(row.dropped_rows),
    },
    {
      key: 'sequence',
      label: 'Batches',
      numeric: true,
      sort: (row) => row.sequence,
      cell: (row) => exact(row.sequence),
    },
    time('first_seen', 'First seen'),
    time('last_seen', 'Last seen'),
  ];
}
