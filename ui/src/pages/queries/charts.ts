/** The charts of the Query page as data: title, unit, and for each line its sum and the divisor. */
import type { Unit } from '../../format/numbers';
import { blockBytes } from '../../subjects/statements';
import type { QuerySeriesRow } from './queries.sql';

export interface Line {
  name: string;
  /** The summed column, in the chart's unit. */
  sum: (row: QuerySeriesRow) => number | null;
}

export interface Chart {
  title: string;
  subtitle?: string;
  unit: Unit;
  /** The divisor of all lines: covered seconds, or calls. A line per call has no value in a bin without calls. */
  per: 'second' | 'call';
  lines: Line[];
}

export const CHARTS: Chart[] = [
  { title: 'Calls', unit: 'per_second', per: 'second', lines: [{ name: 'calls', sum: (row) => row.calls }] },
  {
    title: 'Mean time',
    subtitle: 'per call',
    unit: 'ms',
    per: 'call',
    lines: [
      { name: 'execution', sum: (row) => row.time },
      { name: 'reading blocks', sum: (row) => row.read_time },
    ],
  },
  {
    title: 'Total time',
    subtitle: 'busy sessions: execution seconds per second',
    unit: 'sessions',
    per: 'second',
    lines: [{ name: 'execution', sum: (row) => (row.time === null ? null : row.time / 1000) }],
  },
  { title: 'Rows', unit: 'per_second', per: 'second', lines: [{ name: 'rows', sum: (row) => row.rows }] },
  {
    title: 'Blocks',
    unit: 'bytes_per_second',
    per: 'second',
    lines: [
      { name: 'hit', sum: (row) => blockBytes(row.hit) },
      { name: 'read', sum: (row) => blockBytes(row.read) },
      { name: 'dirtied', sum: (row) => blockBytes(row.dirtied) },
    ],
  },
  {
    title: 'WAL and temporary files',
    unit: 'bytes_per_second',
    per: 'second',
    lines: [
      { name: 'WAL', sum: (row) => row.wal },
      { name: 'temp written', sum: (row) => blockBytes(row.temp) },
    ],
  },
];
