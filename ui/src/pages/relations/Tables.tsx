/** The Tables page: which tables grow, and which are not vacuumed? */
import { useMemo } from 'react';
import { useParam, useServer } from '../../address/links';
import { exact, formatBytes, formatCount, formatPercent } from '../../format/numbers';
import { formatAgo, formatMoment, parseTime, type Zone } from '../../format/time';
import { useSql } from '../../history/useSql';
import { SearchBox } from '../../layout/SearchBox';
import { Empty, Loaded, PageHeader } from '../../layout/States';
import { useZone } from '../../range/RangeProvider';
import { DataTable, type TableColumn } from '../../table/DataTable';
import { Growth } from './Growth';
import { deadShare, relationMatches, relationName } from './relations';
import { type TableRow, tables } from './relations.sql';

/** The default of autovacuum_vacuum_scale_factor. Above this share, autovacuum is late. */
const DEAD_NOTABLE = 0.2;

export default function Tables() {
  const server = useServer();
  const [search, setSearch] = useParam('search');
  const query = useSql(tables, { server }, { enabled: server !== '' });
  const [zone] = useZone();
  const columns = useMemo(() => tableColumns(zone), [zone]);
  return (
    <>
      <title>{`Tables · ${server} · pgAnalytics`}</title>
      <PageHeader title="Tables" />
      <Loaded query={query} what="read the tables" height={420}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title="No tables in this range">
              The collector reads user tables in every database that it can connect to. They appear within minutes of
              its start.
            </Empty>
          ) : (
            <DataTable
              label="Tables"
              rows={rows.filter((row) => relationMatches(row, search))}
              columns={columns}
              rowKey={(row) => `${row.datname}/${row.schemaname}/${row.relname}`}
              defaultSort="-size"
              fill
              empty="No table matches."
              toolbar={<SearchBox value={search} onChange={setSearch} label="Search tables" />}
            />
          )
        }
      </Loaded>
    </>
  );
}

function tableColumns(zone: Zone): TableColumn<TableRow>[] {
  const count = (
    key: 'seq_scan' | 'seq_tup_read' | 'idx_scan' | 'written' | 'live',
    label: string,
    help: string,
  ): TableColumn<TableRow> => ({
    key,
    label,
    help,
    numeric: true,
    sort: (row) => row[key],
    cell: (row) => formatCount(row[key]),
    title: (row) => exact(row[key]),
  });
  const time = (key: 'vacuumed' | 'analyzed', label: string): TableColumn<TableRow> => ({
    key,
    label,
    help: `${label}, manual or automatic`,
    numeric: true,
    sort: (row) => parseTime(row[key]),
    cell: (row) => formatAgo(parseTime(row[key]), Date.now() / 1000),
    text: (row) => row[key] ?? '',
    title: (row) => {
      const at = parseTime(row[key]);
      return at === null ? 'never' : formatMoment(at, zone);
    },
  });
  return [
    {
      key: 'name',
      label: 'Table',
      sort: relationName,
      cell: (row) => <strong style={{ fontWeight: 500 }}>{relationName(row)}</strong>,
    },
    { key: 'database', label: 'Database', sort: (row) => row.datname, cell: (row) => row.datname },
    {
      key: 'size',
      label: 'Size',
      help: 'Including indexes and TOAST',
      numeric: true,
      sort: (row) => row.size,
      cell: (row) => formatBytes(row.size),
      title: (row) => exact(row.size, 'bytes'),
    },
    {
      key: 'growth',
      label: 'Growth',
      help: 'Since the range began',
      numeric: true,
      sort: (row) => row.growth,
      cell: (row) => <Growth bytes={row.growth} />,
      title: (row) => exact(row.growth, 'bytes'),
    },
    count('seq_scan', 'Seq scans', 'Sequential scans in the range'),
    count('seq_tup_read', 'Seq rows', 'Rows read by sequential scans in the range'),
    count('idx_scan', 'Index scans', 'In the range'),
    count('written', 'Rows written', 'Inserted, updated and deleted in the range'),
    {
      key: 'hot',
      label: 'HOT',
      help: 'Share of updates without new index entries',
      numeric: true,
      sort: (row) => row.hot,
      cell: (row) => formatPercent(row.hot),
    },
    {
      key: 'hits',
      label: 'Hits',
      help: 'Share of heap blocks that were found in shared buffers',
      numeric: true,
      firstDescending: false,
      sort: (row) => row.hits,
      cell: (row) => formatPercent(row.hits),
      title: (row) => exact(row.hits, 'percent'),
    },
    count('live', 'Live rows', 'Estimated'),
    {
      key: 'dead',
      label: 'Dead rows',
      help: 'Share of dead rows, estimated',
      numeric: true,
      sort: (row) => deadShare(row.live, row.dead),
      cell: (row) => {
        const share = deadShare(row.live, row.dead);
        return (
          <span style={share !== null && share > DEAD_NOTABLE ? { color: 'var(--pga-warning)' } : undefined}>
            {formatPercent(share)}
          </span>
        );
      },
      title: (row) => `${exact(row.dead)} dead rows`,
    },
    time('vacuumed', 'Last vacuum'),
    time('analyzed', 'Last analyze'),
  ];
}
