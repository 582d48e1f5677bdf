/** The Indexes page: which indexes are unused, and how large are they? */
import { Badge, SegmentedControl } from '@mantine/core';
import { useParam, useServer } from '../../address/links';
import { exact, formatBytes, formatCount, formatLong, formatPercent } from '../../format/numbers';
import { useSql } from '../../history/useSql';
import { SearchBox } from '../../layout/SearchBox';
import { Empty, Loaded, PageHeader } from '../../layout/States';
import { useRange } from '../../range/RangeProvider';
import { DataTable, type TableColumn } from '../../table/DataTable';
import { Growth } from './Growth';
import { isUnused, relationMatches, relationName } from './relations';
import { type IndexRow, indexes } from './relations.sql';

export default function Indexes() {
  const server = useServer();
  const { from, to } = useRange();
  const [search, setSearch] = useParam('search');
  const [which, setWhich] = useParam('which', 'all');
  const query = useSql(indexes, { server }, { enabled: server !== '' });
  return (
    <>
      <title>{`Indexes · ${server} · pgAnalytics`}</title>
      <PageHeader title="Indexes" />
      <Loaded query={query} what="read the indexes" height={420}>
        {({ rows }) => {
          const unused = rows.filter(isUnused);
          const wasted = unused.reduce((sum, row) => sum + (row.size ?? 0), 0);
          return rows.length === 0 ? (
            <Empty title="No indexes in this range">
              The collector reads the indexes of user tables in every database that it can connect to. They appear
              within minutes of its start.
            </Empty>
          ) : (
            <DataTable
              label="Indexes"
              rows={(which === 'unused' ? unused : rows).filter((row) => relationMatches(row, search))}
              columns={COLUMNS}
              rowKey={(row) => `${row.datname}/${row.schemaname}/${row.indexrelname}`}
              defaultSort="-size"
              fill
              empty="No index matches."
              toolbar={
                <>
                  <SearchBox value={search} onChange={setSearch} label="Search indexes" />
                  <SegmentedControl
                    size="xs"
                    aria-label="Which indexes"
                    value={which}
                    onChange={setWhich}
                    data={[
                      { value: 'all', label: `All ${formatCount(rows.length)}` },
                      { value: 'unused', label: `Not scanned ${formatCount(unused.length)}` },
                    ]}
                  />
                  {which === 'unused' ? (
                    <span style={{ fontSize: 12, color: 'var(--mantine-color-dimmed)' }}>
                      {formatBytes(wasted)} not scanned for {formatLong(to - from)}, without constraints. Before you
                      drop an index, choose a range with a month’s end, and check the standbys.
                    </span>
                  ) : null}
                </>
              }
            />
          );
        }}
      </Loaded>
    </>
  );
}

const COLUMNS: TableColumn<IndexRow>[] = [
  {
    key: 'name',
    label: 'Index',
    sort: (row) => row.indexrelname,
    cell: (row) => (
      <>
        <strong style={{ fontWeight: 500 }}>{row.indexrelname}</strong>
        {row.is_valid === false ? (
          <Badge ml={8} size="xs" color="red" variant="light" title="A concurrent build failed or is still running">
            invalid
          </Badge>
        ) : null}
      </>
    ),
  },
  { key: 'table', label: 'Table', sort: relationName, cell: relationName },
  { key: 'database', label: 'Database', sort: (row) => row.datname, cell: (row) => row.datname },
  {
    key: 'kind',
    label: 'Kind',
    sort: kind,
    cell: (row) => <span style={{ color: 'var(--mantine-color-dimmed)' }}>{kind(row)}</span>,
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
    key: 'growth',
    label: 'Growth',
    help: 'Since the range began',
    numeric: true,
    sort: (row) => row.growth,
    cell: (row) => <Growth bytes={row.growth} />,
    title: (row) => exact(row.growth, 'bytes'),
  },
  {
    key: 'scans',
    label: 'Scans',
    help: 'In the range',
    numeric: true,
    sort: (row) => row.scans,
    cell: (row) =>
      row.scans ? (
        formatCount(row.scans)
      ) : (
        <span style={isUnused(row) ? { color: 'var(--pga-warning)' } : undefined}>0</span>
      ),
    title: (row) => exact(row.scans),
  },
  {
    key: 'tuples',
    label: 'Entries read',
    numeric: true,
    sort: (row) => row.tuples,
    cell: (row) => formatCount(row.tuples),
    title: (row) => exact(row.tuples),
  },
  {
    key: 'hits',
    label: 'Hits',
    numeric: true,
    firstDescending: false,
    sort: (row) => row.hits,
    cell: (row) => formatPercent(row.hits),
    title: (row) => exact(row.hits, 'percent'),
  },
];

function kind(row: IndexRow): string {
  const words = [row.is_primary ? 'primary key' : row.is_unique ? 'unique' : row.is_constraint ? 'constraint' : ''];
  return [row.method ?? '', ...words].filter(Boolean).join(', ');
}
