/** The result of a query: always a table, and a chart if the result has times. */
import { useMemo } from 'react';
import { TimeChart } from '../../charts/TimeChart';
import { formatCount } from '../../format/numbers';
import type { SqlAnswer, Value } from '../../history/sql';
import { DataTable, type TableColumn } from '../../table/DataTable';
import classes from './Console.module.css';
import { isNumeric, toChart, toNumber } from './result';

type Row = { index: number; cells: Value[] };

export function Result({ answer, as }: { answer: SqlAnswer; as: string }) {
  const chart = useMemo(() => toChart(answer), [answer]);
  const rows = useMemo(() => answer.rows.map((cells, index) => ({ index, cells })), [answer]);
  const columns = useMemo(() => resultColumns(answer), [answer]);
  const note = `${formatCount(answer.rows.length)} ${answer.rows.length === 1 ? 'row' : 'rows'} in ${Math.round(answer.elapsed_ms)} ms`;
  const cut = answer.truncated ? '. The result has more rows: narrow the query, or download the CSV' : '';

  return (
    <>
      {as !== 'table' && chart ? (
        <div className={classes.panel}>
          <TimeChart
            title="Over time"
            level={2}
            unit="number"
            times={chart.times}
            series={chart.series}
            window={{ from: chart.from, to: chart.to, bin: 1 }}
            overall="newest"
            height={280}
          />
        </div>
      ) : null}
      {as === 'chart' && !chart ? (
        <p className={classes.note}>
          No chart. A chart needs a column of times, a column of numbers and at least two rows.
        </p>
      ) : null}
      {as !== 'chart' || !chart ? (
        <DataTable
          label="Result"
          rows={rows}
          columns={columns}
          rowKey={(row) => String(row.index)}
          defaultSort=""
          fill
          empty="The query returned no rows."
          toolbar={
            <span className={classes.note}>
              {note}
              {cut}
            </span>
          }
        />
      ) : (
        <p className={classes.note}>
          {note}
          {cut}
        </p>
      )}
    </>
  );
}

function resultColumns(answer: SqlAnswer): TableColumn<Row>[] {
  return answer.columns.map((column, i) => {
    const numeric = isNumeric(column.type);
    const value = (row: Row) => row.cells[i] ?? null;
    return {
      key: `${i}`,
      label: column.name,
      help: column.type,
      numeric,
      sort: (row) => (numeric ? toNumber(value(row)) : value(row)),
      text: (row) => String(value(row) ?? ''),
      title: (row) => String(value(row) ?? 'null'),
      cell: (row) => <Cell value={value(row)} />,
    };
  });
}

/** Decimal places in the table. The hover and the copy have all of them. */
const SHOWN_DIGITS = 4;

function Cell({ value }: { value: Value }) {
  if (value === null) return <span className={classes.null}>null</span>;
  if (typeof value === 'number' && !Number.isInteger(value)) return value.toFixed(SHOWN_DIGITS);
  return <span className={classes.text}>{String(value)}</span>;
}
