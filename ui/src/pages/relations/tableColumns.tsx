/** Columns of the Tables page. */
import { exact, formatBytes, formatCount, formatPercent } from '../../format/numbers';
import { formatAgo, formatMoment, parseTime, type Zone } from '../../format/time';
import type { TableColumn } from '../../table/DataTable';
import { Growth } from './Growth';
import { NestedName } from './NestedName';
import { growthOf, type Nested } from './nesting';
import classes from './Relations.module.css';
import { deadShare, ratio, relationName } from './relations';
import type { TableRow } from './relations.sql';

type Row = Nested<TableRow>;

/** The default of autovacuum_vacuum_scale_factor. Above this share, autovacuum is late. */
const DEAD_NOTABLE = 0.2;

/** `open`: the open rows; null in a flat list. */
export function tableColumns(
  zone: Zone,
  open: { isOpen: (key: string) => boolean; toggle: (key: string) => void } | null,
): TableColumn<Row>[] {
  const count = (
    key: 'seq_scan' | 'seq_tup_read' | 'idx_scan' | 'written' | 'live',
    label: string,
    help: string,
  ): TableColumn<Row> => ({
    key,
    label,
    help,
    numeric: true,
    sort: (row) => row[key],
    cell: (row) => formatCount(row[key]),
    title: (row) => exact(row[key]),
  });
  const time = (key: 'vacuumed' | 'analyzed', label: string): TableColumn<Row> => ({
    key,
    label,
    help: `${label}, manual or automatic; of a partitioned table, its oldest`,
    numeric: true,
    sort: (row) => parseTime(row[key]),
    cell: (row) => formatAgo(parseTime(row[key]), Date.now() / 1000),
    text: (row) => row[key] ?? '',
    title: (row) => {
      const at = parseTime(row[key]);
      return at === null ? 'never' : formatMoment(at, zone);
    },
  });
  const share = (key: string, label: string, help: string, value: (row: Row) => number | null): TableColumn<Row> => ({
    key,
    label,
    help,
    numeric: true,
    sort: value,
    cell: (row) => formatPercent(value(row)),
    title: (row) => exact(value(row), 'percent'),
  });
  return [
    {
      key: 'name',
      label: 'Table',
      sort: relationName,
      cell: (row) => (
        <NestedName
          name={relationName(row)}
          depth={open ? row.depth : 0}
          gone={row.gone ? parseTime(row.last_seen) : null}
          zone={zone}
          {...(open && row.children.length > 0
            ? { partitions: { open: open.isOpen(row.key), toggle: () => open.toggle(row.key) } }
            : {})}
        />
      ),
    },
    { key: 'database', label: 'Database', sort: (row) => row.datname, cell: (row) => row.datname },
    {
      key: 'kind',
      label: 'Kind',
      sort: kindOf,
      cell: (row) => <span className={classes.calm}>{kindOf(row)}</span>,
    },
    {
      key: 'size',
      label: 'Size',
      help: 'Including indexes and TOAST, and all partitions',
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
      sort: growthOf,
      cell: (row) => <Growth bytes={growthOf(row)} />,
      title: (row) => exact(growthOf(row), 'bytes'),
    },
    count('seq_scan', 'Seq scans', 'Sequential scans in the range'),
    count('seq_tup_read', 'Seq rows', 'Rows read by sequential scans in the range'),
    count('idx_scan', 'Index scans', 'In the range'),
    count('written', 'Rows written', 'Inserted, updated and deleted in the range'),
    share('hot', 'HOT', 'Share of updates without new index entries', (row) => ratio(row.hot_updated, row.updated)),
    {
      ...share('hits', 'Hits', 'Share of heap blocks that were found in shared buffers', (row) =>
        ratio(row.hit, row.fetched),
      ),
      firstDescending: false,
    },
    count('live', 'Live rows', 'Estimated'),
    {
      ...share('dead', 'Dead rows', 'Share of dead rows, estimated', (row) => deadShare(row.live, row.dead)),
      cell: (row) => {
        const dead = deadShare(row.live, row.dead);
        return (
          <span className={dead !== null && dead > DEAD_NOTABLE ? classes.warning : undefined}>
            {formatPercent(dead)}
          </span>
        );
      },
      title: (row) => `${exact(row.dead)} dead rows`,
    },
    time('vacuumed', 'Last vacuum'),
    time('analyzed', 'Last analyze'),
  ];
}

/** The kind in words, such as `partitioned, 50 partitions` or `partition`. */
function kindOf(row: Row): string {
  const own = row.kind === 'partitioned table' ? 'partitioned' : (row.kind ?? 'table');
  const child = row.parent === null ? [] : ['partition'];
  const leaves = row.leaves - (row.kind === 'partitioned table' || row.gone ? 0 : 1);
  const parent = row.children.length > 0 ? [`${formatCount(leaves)} partitions`] : [];
  return [...child, ...(row.parent !== null && own === 'table' ? [] : [own]), ...parent].join(', ');
}
