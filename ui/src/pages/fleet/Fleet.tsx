/** The Fleet page: is something wrong? One row per server. */
import { Anchor, SegmentedControl, Text } from '@mantine/core';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { usePageHref, useParam } from '../../address/links';
import { useServers } from '../../api/facts';
import { Sparkline } from '../../charts/Sparkline';
import { exact, formatBytes, formatCount, formatPercent, formatRate, NOTHING } from '../../format/numbers';
import { formatAgo, formatMoment } from '../../format/time';
import { useSql } from '../../history/useSql';
import { SearchBox } from '../../layout/SearchBox';
import { Loaded, PageHeader } from '../../layout/States';
import { useRange, useZone } from '../../range/RangeProvider';
import { CollectorHint } from '../../subjects/CollectorHint';
import { NoServers } from '../../subjects/NoServers';
import { StatusDot } from '../../subjects/StatusDot';
import { type Status, shortVersion } from '../../subjects/servers';
import { lastUp } from '../../subjects/servers.sql';
import { DataTable, type TableColumn } from '../../table/DataTable';
import { AGE_BAD, AGE_WARNING, type FleetRow, fleetRows, matches } from './fleet';
import { fleetSessions, fleetSize, fleetWork, SPARK_POINTS } from './fleet.sql';

export default function Fleet() {
  const servers = useServers();
  const sessions = useSql(fleetSessions, {}, { points: SPARK_POINTS });
  const work = useSql(fleetWork, {});
  const size = useSql(fleetSize, {});
  const anyDown = servers.data?.some((server) => server.up === false) ?? false;
  const answers = useSql(lastUp, { server: '' }, { enabled: anyDown });
  const [search, setSearch] = useParam('search');
  const [status, setStatus] = useParam('status', 'all');
  const { now } = useRange();
  const columns = useColumns(now, anyDown);

  const rows = useMemo(
    () =>
      fleetRows(
        servers.data ?? [],
        { sessions: sessions.data, work: work.data?.rows, size: size.data?.rows, answers: answers.data?.rows },
        Date.now() / 1000,
      ),
    [servers.data, sessions.data, work.data, size.data, answers.data],
  );
  const notUp = rows.filter((row) => row.status !== 'up').length;
  const shown = rows.filter((row) => matches(row, search) && (status === 'all' || row.status !== 'up'));

  return (
    <>
      <title>Fleet · pgAnalytics</title>
      <PageHeader title="Fleet" />
      <CollectorHint />
      <Loaded query={servers} what="read the servers" height={420}>
        {() =>
          rows.length === 0 ? (
            <NoServers />
          ) : (
            <DataTable
              label="Servers"
              rows={shown}
              columns={columns}
              rowKey={(row) => row.name}
              defaultSort="status"
              fill
              empty="No server matches."
              toolbar={
                <>
                  <SearchBox value={search} onChange={setSearch} label="Search servers" />
                  <SegmentedControl
                    size="xs"
                    aria-label="Which servers"
                    value={status}
                    onChange={setStatus}
                    data={[
                      { value: 'all', label: `All ${rows.length}` },
                      { value: 'trouble', label: `Not up ${notUp}` },
                    ]}
                  />
                </>
              }
            />
          )
        }
      </Loaded>
    </>
  );
}

const STATUS_ORDER: Record<Status, number> = { down: 0, full: 1, silent: 2, up: 3 };

const TROUBLE: TableColumn<FleetRow> = {
  key: 'trouble',
  label: 'Trouble',
  help: 'Why the server is not up, and what to do',
  sort: (row) => row.trouble,
  cell: (row) => (
    <Text size="sm" truncate maw={420}>
      {row.trouble}
    </Text>
  ),
  title: (row) => row.trouble ?? '',
};

function useColumns(now: number, anyDown: boolean): TableColumn<FleetRow>[] {
  const href = usePageHref();
  const [zone] = useZone();
  return useMemo(
    () => [
      {
        key: 'status',
        label: 'Status',
        // Within a status, the busiest server comes first.
        sort: (row) => STATUS_ORDER[row.status] * 1e6 - (row.sessions ?? 0),
        text: (row) => row.status,
        cell: (row) => <StatusDot status={row.status} reason={row.trouble} />,
        width: 90,
      },
      {
        key: 'name',
        label: 'Server',
        sort: (row) => row.name,
        cell: (row) => (
          <Anchor component={Link} to={href('server', { server: row.name })} fw={500} size="sm">
            {row.name}
          </Anchor>
        ),
      },
      // Only while there is something to say.
      ...(anyDown ? [TROUBLE] : []),
      { key: 'role', label: 'Role', wideOnly: true, sort: (row) => row.role, cell: (row) => row.role ?? '–' },
      {
        key: 'version',
        label: 'Version',
        wideOnly: true,
        sort: (row) => row.version,
        cell: (row) => shortVersion(row.version),
        title: (row) => row.version ?? '',
      },
      {
        key: 'spark',
        label: 'Active sessions',
        help: 'Average active sessions over the range, each row with its own scale',
        cell: (row) => <Sparkline values={row.spark} unit="sessions" />,
        text: () => '',
        width: 120,
      },
      {
        key: 'sessions',
        label: 'AAS',
        help: 'Average active sessions',
        numeric: true,
        sort: (row) => row.sessions,
        cell: (row) => formatCount(row.sessions),
        title: (row) => exact(row.sessions, 'sessions'),
      },
      {
        key: 'tps',
        label: 'TPS',
        help: 'Transactions per second: commits and rollbacks',
        numeric: true,
        sort: (row) => row.tps,
        cell: (row) => formatRate(row.tps),
        title: (row) => exact(row.tps, 'per_second'),
      },
      {
        key: 'hits',
        label: 'Cache hit',
        help: 'Share of block reads answered by shared buffers',
        numeric: true,
        firstDescending: false,
        sort: (row) => row.hits,
        cell: (row) => formatPercent(row.hits),
        title: (row) => exact(row.hits, 'percent'),
      },
      {
        key: 'size',
        label: 'Size',
        numeric: true,
        sort: (row) => row.size,
        cell: (row) => formatBytes(row.size),
        title: (row) => exact(row.size, 'bytes'),
      },
      {
        key: 'age',
        label: 'Oldest xid',
        help: 'Age of the oldest unfrozen transaction id; PostgreSQL stops at 2.1 G',
        numeric: true,
        sort: (row) => row.age,
        cell: (row) => <span style={{ color: ageColor(row.age) }}>{formatCount(row.age)}</span>,
        title: (row) => exact(row.age, 'xids'),
      },
      {
        key: 'seen',
        label: 'Last seen',
        numeric: true,
        sort: (row) => row.lastSeen,
        help: 'When the server last answered',
        cell: (row) => (row.lastSeen === null ? NOTHING : formatAgo(row.lastSeen, Math.max(now, Date.now() / 1000))),
        title: (row) => (row.lastSeen === null ? 'Not within the last 31 days' : formatMoment(row.lastSeen, zone)),
      },
    ],
    [href, zone, now, anyDown],
  );
}

function ageColor(age: number | null): string | undefined {
  if (age === null || age < AGE_WARNING) return undefined;
  return age < AGE_BAD ? 'var(--pga-warning)' : 'var(--pga-bad)';
}
