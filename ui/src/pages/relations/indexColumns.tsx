/** Columns of the Indexes page. */
import { Badge } from '@mantine/core';
import { exact, formatBytes, formatCount, formatPercent } from '../../format/numbers';
import { parseTime, type Zone } from '../../format/time';
import type { TableColumn } from '../../table/DataTable';
import { Growth } from './Growth';
import { NestedName } from './NestedName';
import { growthOf, type Nested } from './nesting';
import classes from './Relations.module.css';
import { ratio, relationName } from './relations';
import type { IndexRow } from './relations.sql';
import type { Verdict } from './unused';

type Row = Nested<IndexRow>;

/** `open`: the open rows; null in a flat list. */
export function indexColumns(
  zone: Zone,
  verdicts: ReadonlyMap<string, Verdict> | null,
  open: { isOpen: (key: string) => boolean; toggle: (key: string) => void } | null,
): TableColumn<Row>[] {
  return [
    {
      key: 'name',
      label: 'Index',
      sort: (row) => row.indexrelname,
      cell: (row) => (
        <>
          <NestedName
            name={row.indexrelname}
            depth={open ? row.depth : 0}
            gone={row.gone ? parseTime(row.last_seen) : null}
            zone={zone}
            {...(open && row.children.length > 0
              ? { partitions: { open: open.isOpen(row.key), toggle: () => open.toggle(row.key) } }
              : {})}
          />
          {row.is_valid === false && !row.gone ? (
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
      sort: kindOf,
      cell: (row) => <span className={classes.calm}>{kindOf(row)}</span>,
    },
    {
      key: 'size',
      label: 'Size',
      help: 'Including all partitions',
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
    {
      key: 'scans',
      label: 'Scans',
      help: 'In the range, on this server',
      numeric: true,
      sort: (row) => row.scans,
      cell: (row) => (
        <span className={verdicts?.get(row.key) === 'unused' ? classes.warning : undefined}>
          {formatCount(row.scans ?? 0)}
        </span>
      ),
      title: (row) => exact(row.scans ?? 0),
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
      help: 'Share of index blocks that were found in shared buffers',
      numeric: true,
      firstDescending: false,
      sort: (row) => ratio(row.hit, row.fetched),
      cell: (row) => formatPercent(ratio(row.hit, row.fetched)),
      title: (row) => exact(ratio(row.hit, row.fetched), 'percent'),
    },
  ];
}

/** The kind in words, such as `btree, unique` or `btree, 50 partitions`. */
function kindOf(row: Row): string {
  return [
    row.method,
    row.is_primary ? 'primary key' : row.is_unique ? 'unique' : row.is_constraint ? 'constraint' : null,
    row.is_replica_identity && !row.is_primary ? 'replica identity' : null,
    row.parent === null ? null : 'partition',
    row.children.length > 0 ? `${formatCount(row.leaves)} partitions` : null,
  ]
    .filter(Boolean)
    .join(', ');
}
