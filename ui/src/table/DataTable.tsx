/**
 * The table of all pages: dense and sortable, with its order in the URL. The table scrolls in itself, copies as TSV, and draws
 * only the visible rows if it has many.
 */
import { ActionIcon, UnstyledButton } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, type ReactNode, type RefObject, useLayoutEffect, useMemo, useRef } from 'react';
import { useParam } from '../address/links';
import classes from './DataTable.module.css';
import { type Nesting, nestedRows } from './nesting';
import { type Key, readSort, toTsv, writeSort } from './sorting';

export interface TableColumn<Row> {
  key: string;
  label: string;
  /** The header's hover text. */
  help?: string;
  numeric?: boolean;
  cell: (row: Row) => ReactNode;
  /** The sort value. A column without it is not sortable. */
  sort?: (row: Row) => Key;
  /** The copied text; the sort value by default. */
  text?: (row: Row) => string;
  /** The cell's hover text, such as the exact value. */
  title?: (row: Row) => string;
  width?: number | string;
  /** Hidden in a narrow window. */
  wideOnly?: boolean;
  /** Whether the first click sorts descending; by default numbers do. */
  firstDescending?: boolean;
}

interface DataTableProps<Row> {
  label: string;
  rows: Row[];
  columns: TableColumn<Row>[];
  rowKey: (row: Row) => string;
  defaultSort: string;
  /** The URL parameter of the order. Two tables on one page need two names. */
  sortParam?: string;
  /** Rows below rows. Open rows show their children in the same order. */
  nesting?: Nesting<Row> | undefined;
  /** Takes the rest of the window's height and scrolls there. */
  fill?: boolean;
  toolbar?: ReactNode;
  empty?: ReactNode;
}

/** The height of a row in the style sheet, in px. */
const ROW_HEIGHT = 34;
/** From this many rows on, only visible rows are drawn. With fewer rows, the browser's find works on all of them. */
const VIRTUAL_FROM = 150;

export function DataTable<Row>(props: DataTableProps<Row>) {
  const {
    label,
    rows,
    columns,
    rowKey,
    defaultSort,
    sortParam = 'sort',
    nesting,
    fill = false,
    toolbar,
    empty,
  } = props;
  const [sortText, setSortText] = useParam(sortParam, defaultSort);
  const sort = readSort(sortText);
  const sortKey = columns.find((column) => column.key === sort.key)?.sort;
  const sorted = useMemo(
    () => nestedRows(rows, sortKey, sort.descending, nesting),
    [rows, sortKey, sort.descending, nesting],
  );

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
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
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

/** The sort direction. It stands on the other side than the column's alignment, so that the label does not move. */
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

/** One row. Memoised, so that scrolling does not draw it again. */
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

/** Keeps column widths steady while rows are drawn on demand: a column can grow, but never shrinks. */
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

/** The copy button. The text is built on the click, since building it on every render costs more than the table. */
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
