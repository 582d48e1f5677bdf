/**
 * The one table: dense, sortable (its order is in the URL), scrolls in itself, copies as TSV, and draws only the rows in
 * sight once there are many.
 */
import { ActionIcon, UnstyledButton } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, type ReactNode, type RefObject, useLayoutEffect, useMemo, useRef } from 'react';
import { useParam } from '../address/links';
import classes from './DataTable.module.css';
import { type Key, readSort, sortRows, toTsv, writeSort } from './sorting';

export interface TableColumn<Row> {
  key: string;
  label: string;
  /** Hover on the header. */
  help?: string;
  numeric?: boolean;
  cell: (row: Row) => ReactNode;
  /** What it sorts by; a column without is not sortable. */
  sort?: (row: Row) => Key;
  /** What is copied; the sort value where absent. */
  text?: (row: Row) => string;
  /** The exact value, on hover. */
  title?: (row: Row) => string;
  width?: number | string;
  /** Left out where the window is narrow. */
  wideOnly?: boolean;
  /** Numbers are mostly wanted largest first. */
  firstDescending?: boolean;
}

interface DataTableProps<Row> {
  label: string;
  rows: Row[];
  columns: TableColumn<Row>[];
  rowKey: (row: Row) => string;
  defaultSort: string;
  /** The URL parameter that holds the order; two tables of a page need two. */
  sortParam?: string;
  /** Fills the rest of the window's height and scrolls there. */
  fill?: boolean;
  toolbar?: ReactNode;
  empty?: ReactNode;
}

/** The height the style sheet gives each row. */
const ROW_HEIGHT = 34;
/** Fewer rows are drawn whole: find-in-page then works, and it costs nothing. */
const VIRTUAL_FROM = 150;

export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, rows, columns, rowKey, defaultSort, sortParam = 'sort', fill = false, toolbar, empty } = props;
  const [sortText, setSortText] = useParam(sortParam, defaultSort);
  const sort = readSort(sortText);
  const sortKey = columns.find((column) => column.key === sort.key)?.sort;
  const sorted = useMemo(() => sortRows(rows, sortKey, sort.descending), [rows, sortKey, sort.descending]);

  const scroller = useRef<HTMLDivElement>(null);
  const virtual = sorted.length >= VIRTUAL_FROM;
  const virtualizer = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 20,
    enabled: virtual,
  });
  const head = useRef<HTMLTableRowElement>(null);
  useSteadyColumns(head, virtual);
  const items = virtual ? virtualizer.getVirtualItems() : null;
  const first = items?.[0]?.index ?? 0;
  const last = items ? (items[items.length - 1]?.index ?? -1) : sorted.length - 1;

  const onSort = (column: TableColumn<Row>) => {
    const descending = sort.key === column.key ? !sort.descending : (column.firstDescending ?? column.numeric ?? false);
    setSortText(writeSort({ key: column.key, descending }));
  };

  const copied = () =>
    toTsv([
      columns.map((column) => column.label),
      ...sorted.map((row) => columns.map((column) => cellText(column, row))),
    ]);

  return (
    <div className={classes.frame}>
      <div className={classes.toolbar}>
        {toolbar}
        <CopyAsTsv text={copied} label={label} />
      </div>
      <section
        ref={scroller}
        className={classes.scroller}
        data-fill={fill || undefined}
        data-virtual={virtual || undefined}
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
      >
        <table className={classes.table} aria-rowcount={sorted.length + 1}>
          <thead>
            <tr ref={head}>
              {columns.map((column) => (
                <th
                  key={column.key}
                  scope="col"
                  data-numeric={column.numeric || undefined}
                  data-wide={column.wideOnly || undefined}
                  style={{ width: column.width }}
                  title={column.help}
                  aria-sort={sort.key !== column.key ? undefined : sort.descending ? 'descending' : 'ascending'}
                >
                  {column.sort ? (
                    <UnstyledButton className={classes.sort} onClick={() => onSort(column)}>
                      {column.numeric ? <Arrow shown={sort.key === column.key} down={sort.descending} /> : null}
                      {column.label}
                      {column.numeric ? null : <Arrow shown={sort.key === column.key} down={sort.descending} />}
                    </UnstyledButton>
                  ) : (
                    column.label
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {first > 0 ? <Spacer height={first * ROW_HEIGHT} columns={columns.length} /> : null}
            {sorted.slice(first, last + 1).map((row, i) => (
              <Row key={rowKey(row)} row={row} columns={columns} index={first + i + 2} />
            ))}
            {last < sorted.length - 1 ? (
              <Spacer height={(sorted.length - 1 - last) * ROW_HEIGHT} columns={columns.length} />
            ) : null}
          </tbody>
        </table>
        {sorted.length === 0 ? <div className={classes.empty}>{empty ?? 'No rows.'}</div> : null}
      </section>
    </div>
  );
}

/** On the side away from the column's values, so that the label stays above them. */
function Arrow({ shown, down }: { shown: boolean; down: boolean }) {
  if (!shown) return null;
  return (
    <span className={classes.arrow} aria-hidden>
      {down ? '↓' : '↑'}
    </span>
  );
}

interface RowProps<Item> {
  row: Item;
  columns: TableColumn<Item>[];
  index: number;
}

/** Drawn once for a row and its columns, however far the table is scrolled. */
const Row = memo(function Row<Item>({ row, columns, index }: RowProps<Item>) {
  return (
    <tr aria-rowindex={index}>
      {columns.map((column) => (
        <td
          key={column.key}
          data-numeric={column.numeric || undefined}
          data-wide={column.wideOnly || undefined}
          title={column.title?.(row)}
        >
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}) as <Item>(props: RowProps<Item>) => ReactNode;

/** Columns of a table that draws only some rows: they may grow with what comes into sight, but never shrink again. */
function useSteadyColumns(head: RefObject<HTMLTableRowElement | null>, active: boolean): void {
  useLayoutEffect(() => {
    if (!active || !head.current) return;
    for (const cell of head.current.cells) {
      const width = cell.offsetWidth;
      if (width > (Number.parseFloat(cell.style.minWidth) || 0)) cell.style.minWidth = `${width}px`;
    }
  });
}

function Spacer({ height, columns }: { height: number; columns: number }) {
  return (
    <tr aria-hidden className={classes.spacer}>
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}

function cellText<Row>(column: TableColumn<Row>, row: Row): string {
  const value = column.text ? column.text(row) : column.sort?.(row);
  return value === null || value === undefined ? '' : String(value);
}

/** The text is made on the click: making it on each render would cost more than the table. */
function CopyAsTsv({ text, label }: { text: () => string; label: string }) {
  const clipboard = useClipboard({ timeout: 1500 });
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      className={classes.copy}
      aria-label={`Copy ${label} as TSV`}
      title="Copy as TSV"
      onClick={() => clipboard.copy(text())}
    >
      {clipboard.copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
    </ActionIcon>
  );
}
