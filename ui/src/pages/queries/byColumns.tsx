/** Columns of the table "By database and user". */
import { exact, formatBytes, formatCount, formatMs } from '../../format/numbers';
import { blockBytes as blocks } from '../../subjects/statements';
import type { TableColumn } from '../../table/DataTable';
import type { QueryByRow } from './queries.sql';

export const BY_COLUMNS: TableColumn<QueryByRow>[] = [
  { key: 'database', label: 'Database', sort: (row) => row.database, cell: (row) => row.database ?? '–' },
  { key: 'user', label: 'User', sort: (row) => row.username, cell: (row) => row.username ?? '–' },
  {
    key: 'time',
    label: 'Total time',
    numeric: true,
    sort: (row) => row.time,
    cell: (row) => formatMs(row.time),
    title: (row) => exact(row.time, 'ms'),
  },
  {
    key: 'calls',
    label: 'Calls',
    numeric: true,
    sort: (row) => row.calls,
    cell: (row) => formatCount(row.calls),
    title: (row) => exact(row.calls),
  },
  {
    key: 'mean',
    label: 'Mean',
    numeric: true,
    sort: (row) => (row.calls ? (row.time ?? 0) / row.calls : null),
    cell: (row) => formatMs(row.calls ? (row.time ?? 0) / row.calls : null),
  },
  { key: 'rows', label: 'Rows', numeric: true, sort: (row) => row.rows, cell: (row) => formatCount(row.rows) },
  {
    key: 'read',
    label: 'Read',
    numeric: true,
    sort: (row) => row.read,
    cell: (row) => formatBytes(blocks(row.read)),
    title: (row) => exact(blocks(row.read), 'bytes'),
  },
];
