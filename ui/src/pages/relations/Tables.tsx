/** The Tables page: which tables grow, and which are not vacuumed? */
import { useMemo } from 'react';
import { useParam, useServer } from '../../address/links';
import { useViews } from '../../api/facts';
import { formatBytes, formatCount } from '../../format/numbers';
import { useSql } from '../../history/useSql';
import { SearchBox } from '../../layout/SearchBox';
import { Empty, Loaded, PageHeader } from '../../layout/States';
import { useZone } from '../../range/RangeProvider';
import { DataTable } from '../../table/DataTable';
import { useOpenRows } from './NestedName';
import { flat, type Nested, nestTables, totalSize } from './nesting';
import classes from './Relations.module.css';
import { relationMatches } from './relations';
import { hasColumns, TABLES, type TableRow } from './relations.sql';
import { tableColumns } from './tableColumns';

export default function Tables() {
  const server = useServer();
  const [search, setSearch] = useParam('search');
  const views = useViews();
  const nested = hasColumns(views.data, 'pg_stat_user_tables', 'parent_relid');
  const query = useSql(
    nested ? TABLES.nested : TABLES.flat,
    { server },
    { enabled: server !== '' && !views.isPending },
  );
  const [zone] = useZone();
  const { isOpen, toggle } = useOpenRows();
  const trees = useMemo(() => nestTables(query.data?.rows ?? []), [query.data]);
  // A search looks at all relations, so its result is flat.
  const isFlat = search !== '';
  const columns = useMemo(() => tableColumns(zone, isFlat ? null : { isOpen, toggle }), [zone, isFlat, isOpen, toggle]);
  const nesting = useMemo(
    () =>
      isFlat
        ? undefined
        : { childrenOf: (row: Nested<TableRow>) => row.children, isOpen: (row: Nested<TableRow>) => isOpen(row.key) },
    [isFlat, isOpen],
  );
  const shown = isFlat ? flat(trees).filter((row) => relationMatches(row, search)) : trees;
  const count = trees.reduce((sum, tree) => sum + tree.leaves, 0);
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
              rows={shown}
              columns={columns}
              rowKey={(row) => row.key}
              defaultSort="-size"
              nesting={nesting}
              fill
              empty="No table matches."
              toolbar={
                <>
                  <SearchBox value={search} onChange={setSearch} label="Search tables" />
                  <span className={classes.note}>
                    {formatBytes(totalSize(trees))} in {formatCount(count)} tables and partitions
                  </span>
                </>
              }
            />
          )
        }
      </Loaded>
    </>
  );
}
