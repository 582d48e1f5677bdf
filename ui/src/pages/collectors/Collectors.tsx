/** The Collectors page: is the monitoring healthy? One row per collector: credential, delay, spool and last error. */
import { Code, Group, SegmentedControl } from '@mantine/core';
import { useMemo } from 'react';
import { useParam } from '../../address/links';
import { type Collector, useCollectors, useSession } from '../../api/facts';
import { exact, formatBytes, formatCount, formatMs } from '../../format/numbers';
import { formatAgo, formatMoment, parseTime } from '../../format/time';
import { Confirm } from '../../layout/Confirm';
import { SearchBox } from '../../layout/SearchBox';
import { Empty, ErrorBox, Loaded, PageHeader } from '../../layout/States';
import { useZone } from '../../range/RangeProvider';
import { matches, STATE_ORDER, type State, skewText, unhealthy, verdictOf } from '../../subjects/collectors';
import dot from '../../subjects/StatusDot.module.css';
import { DataTable, type TableColumn } from '../../table/DataTable';
import { useForgetCollector, useRevokeCollector } from './useCollector';

export default function Collectors() {
  const collectors = useCollectors();
  const session = useSession();
  const revoke = useRevokeCollector();
  const forget = useForgetCollector();
  const [search, setSearch] = useParam('search');
  const [which, setWhich] = useParam('which', 'all');
  const columns = useColumns();
  const now = Date.now() / 1000;
  const all = collectors.data ?? [];
  const bad = new Set(unhealthy(all, now).map(({ collector }) => collector.id));
  const shown = all.filter((row) => matches(row, search) && (which === 'all' || bad.has(row.id)));
  const actions: TableColumn<Collector> = {
    key: 'actions',
    label: 'Actions',
    numeric: true,
    text: () => '',
    cell: (row) => (
      <Group gap={2} justify="flex-end" wrap="nowrap">
        {row.credential.kind === 'revoked' ? null : (
          <Confirm
            label="Revoke"
            question={`Refuse all batches of ${row.name} from now on?`}
            onConfirm={() => revoke.mutate(row.id)}
          />
        )}
        <Confirm
          label="Forget"
          question={`Forget ${row.name} and its credential? Its rows are kept.`}
          onConfirm={() => forget.mutate(row.id)}
        />
      </Group>
    ),
  };
  return (
    <>
      <title>Collectors · pgAnalytics</title>
      <PageHeader title="Collectors" />
      {revoke.error ? <ErrorBox what="revoke the collector" error={revoke.error} /> : null}
      {forget.error ? <ErrorBox what="forget the collector" error={forget.error} /> : null}
      <Loaded query={collectors} what="read the collectors" height={420}>
        {() =>
          all.length === 0 ? (
            <Empty title="No collector has reported yet">
              Start <Code>pganalytics all-in-one</Code> with a server, or <Code>pganalytics-collector</Code> with an
              enrolment token: <Code>pganalytics token create fleet --kind enrolment</Code>.
            </Empty>
          ) : (
            <DataTable
              label="Collectors"
              rows={shown}
              columns={session.data?.role === 'admin' ? [...columns, actions] : columns}
              rowKey={(row) => row.id}
              defaultSort="state"
              fill
              empty="No collector matches."
              toolbar={
                <>
                  <SearchBox value={search} onChange={setSearch} label="Search collectors" />
                  <SegmentedControl
                    size="xs"
                    aria-label="Which collectors"
                    value={which}
                    onChange={setWhich}
                    data={[
                      { value: 'all', label: `All ${all.length}` },
                      { value: 'trouble', label: `Unhealthy ${bad.size}` },
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

/** The dot of each state, with the colours and shapes of server states. */
const DOT: Record<State, 'up' | 'silent' | 'down'> = {
  healthy: 'up',
  clock: 'silent',
  behind: 'silent',
  revoked: 'silent',
  silent: 'down',
  dropping: 'down',
};

const CREDENTIAL: Record<Collector['credential']['kind'], { label: string; help: string }> = {
  own: { label: 'own', help: 'A credential of this collector only, in use since' },
  token: { label: 'token', help: 'A collector token, which other collectors can use too. Created' },
  revoked: { label: 'revoked', help: 'Revoked by an admin' },
};

function useColumns(): TableColumn<Collector>[] {
  const [zone] = useZone();
  return useMemo(() => {
    const now = () => Date.now() / 1000;
    const moment = (text: string | null | undefined) => {
      const time = parseTime(text);
      return time === null ? '' : formatMoment(time, zone);
    };
    return [
      {
        key: 'state',
        label: 'State',
        sort: (row) => STATE_ORDER.indexOf(verdictOf(row, now()).state),
        text: (row) => verdictOf(row, now()).state,
        title: (row) => verdictOf(row, now()).message,
        cell: (row) => {
          const { state } = verdictOf(row, now());
          return (
            <span className={dot.status} data-status={DOT[state]}>
              {state === 'clock' ? 'wrong clock' : state}
            </span>
          );
        },
        width: 120,
      },
      { key: 'name', label: 'Name', sort: (row) => row.name, cell: (row) => row.name, title: (row) => row.id },
      { key: 'version', label: 'Version', wideOnly: true, sort: (row) => row.version, cell: (row) => row.version },
      {
        key: 'seen',
        label: 'Last seen',
        numeric: true,
        sort: (row) => parseTime(row.last_seen),
        cell: (row) => formatAgo(parseTime(row.last_seen), now()),
        title: (row) => moment(row.last_seen),
      },
      {
        key: 'targets',
        label: 'Servers',
        help: 'Servers that answer the collector, of all its servers',
        numeric: true,
        sort: (row) => row.status?.targets ?? null,
        cell: (row) => (row.status ? `${row.status.targets_up} of ${row.status.targets}` : '–'),
      },
      {
        key: 'lag',
        label: 'Lag',
        help: 'How long the newest batch waited before it arrived',
        numeric: true,
        sort: (row) => row.lag_ms ?? null,
        cell: (row) => formatMs(row.lag_ms),
        title: (row) => exact(row.lag_ms, 'ms'),
      },
      {
        key: 'waiting',
        label: 'Waiting',
        help: 'Batches in the spool and their size, as of the newest batch',
        numeric: true,
        sort: (row) => row.status?.spool_bytes ?? null,
        cell: (row) =>
          row.status
            ? row.status.spool_batches === 0
              ? '0'
              : `${formatCount(row.status.spool_batches)} · ${formatBytes(row.status.spool_bytes)}`
            : '–',
        title: (row) => exact(row.status?.spool_bytes, 'bytes'),
      },
      {
        key: 'rows',
        label: 'Rows',
        help: 'All rows received from the collector',
        numeric: true,
        wideOnly: true,
        sort: (row) => row.rows,
        cell: (row) => formatCount(row.rows),
        title: (row) => exact(row.rows),
      },
      {
        key: 'dropped',
        label: 'Dropped',
        help: 'All rows that the collector dropped: its spool was full, or rows were too large',
        numeric: true,
        sort: (row) => row.dropped_rows,
        cell: (row) => (
          <span style={row.dropped_rows > 0 ? { color: 'var(--pga-bad)' } : undefined}>
            {formatCount(row.dropped_rows)}
          </span>
        ),
        title: (row) => `${exact(row.dropped_rows)}${row.last_dropped ? `, last ${moment(row.last_dropped)}` : ''}`,
      },
      {
        key: 'clock',
        label: 'Clock',
        help: 'The clock of its host, compared with the backend’s clock',
        sort: (row) => row.clock_skew_ms ?? null,
        cell: (row) => (
          <span style={row.clock_wrong ? { color: 'var(--pga-warning)' } : undefined}>{skewText(row)}</span>
        ),
        title: (row) => (row.clock_skew_ms == null ? 'unknown' : exact(row.clock_skew_ms, 'ms')),
      },
      {
        key: 'credential',
        label: 'Credential',
        sort: (row) => row.credential.kind,
        cell: (row) => CREDENTIAL[row.credential.kind].label,
        title: (row) => `${CREDENTIAL[row.credential.kind].help} ${moment(row.credential.since)}`.trim(),
      },
      {
        key: 'error',
        label: 'Last error',
        help: 'The latest error of shipping. It stays visible after the cause has ended',
        sort: (row) => parseTime(row.status?.last_error_at),
        text: (row) => row.status?.last_error ?? '',
        cell: (row) => <LastError collector={row} now={now()} />,
        title: (row) => (row.status?.last_error ? `${moment(row.status.last_error_at)} ${row.status.last_error}` : ''),
      },
    ];
  }, [zone]);
}

function LastError({ collector: { status }, now }: { collector: Collector; now: number }) {
  if (!status?.last_error) return <>–</>;
  return (
    <span
      style={{
        display: 'inline-block',
        maxWidth: 280,
        overflow: 'hidden',
        textOverflow: 'ellipsis',
        verticalAlign: 'middle',
      }}
    >
      {formatAgo(parseTime(status.last_error_at), now)}: {status.last_error}
    </span>
  );
}
