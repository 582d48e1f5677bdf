/** The charts of the Query page as data: title, unit and the value of each line. */
import type { Unit } from '../../format/numbers';
import { blockBytes as blocks } from '../../subjects/statements';
import type { QuerySeriesRow } from './queries.sql';

export interface Chart {
  title: string;
  subtitle?: string;
  unit: Unit;
  lines: { name: string; value: (row: QuerySeriesRow, seconds: number) => number | null }[];
  /** A mean has no value in a bin without calls. A rate is zero there. */
  mean?: boolean;
}

const rate = (pick: (row: QuerySeriesRow) => number | null) => (row: QuerySeriesRow, seconds: number) => {
  const value = pick(row);
  return value === null ? null : value / seconds;
};

export const CHARTS: Chart[] = [
  { title: 'Calls', unit: 'per_second', lines: [{ name: 'calls', value: rate((row) => row.calls) }] },
  {
    title: 'Mean time',
    subtitle: 'per call',
    unit: 'ms',
    mean: true,
    lines: [
      { name: 'execution', value: (row) => (row.calls && row.time !== null ? row.time / row.calls : null) },
      {
        name: 'reading blocks',
        value: (row) => (row.calls && row.read_time !== null ? row.read_time / row.calls : null),
      },
    ],
  },
  {
    title: 'Total time',
    subtitle: 'busy sessions: execution seconds per second',
    unit: 'sessions',
    lines: [{ name: 'execution', value: rate((row) => (row.time === null ? null : row.time / 1000)) }],
  },
  { title: 'Rows', unit: 'per_second', lines: [{ name: 'rows', value: rate((row) => row.rows) }] },
  {
    title: 'Blocks',
    unit: 'bytes_per_second',
    lines: [
      { name: 'hit', value: rate((row) => blocks(row.hit)) },
      { name: 'read', value: rate((row) => blocks(row.read)) },
      { name: 'dirtied', value: rate((row) => blocks(row.dirtied)) },
    ],
  },
  {
    title: 'WAL and temporary files',
    unit: 'bytes_per_second',
    lines: [
      { name: 'WAL', value: rate((row) => row.wal) },
      { name: 'temp written', value: rate((row) => blocks(row.temp)) },
    ],
  },
];
