/**
 * The hook for all SQL of the pages: a query, its parameters and the page's range. While newer rows load, the old rows stay on
 * the screen if only the range has changed. If a parameter has changed, such as the server, no old rows are shown.
 */
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { useRef } from 'react';
import { useRetention } from '../api/retention';
import type { Window } from '../range/bins';
import { chooseBin, MAX_POINTS } from '../range/bins';
import { useRange } from '../range/RangeProvider';
import { DAY, shortestKept } from './kept';
import { runSql } from './run';
import { type Parameters, type SqlQuery, toObjects, windowParameters } from './sql';

export interface SqlData<Row> {
  rows: Row[];
  /** The window of these rows. While newer rows load, it differs from the page's range. */
  window: Window;
  truncated: boolean;
}

interface Options {
  enabled?: boolean;
  /** The most points per line. Sparklines need fewer than charts. */
  points?: number;
  /** Seconds that the range has at least; a shorter range begins earlier. */
  atLeast?: number;
}

export function useSql<Row, P extends Parameters>(
  query: SqlQuery<Row, P>,
  parameters: P,
  { enabled = true, points = MAX_POINTS, atLeast = 0 }: Options = {},
): UseQueryResult<SqlData<Row>, Error> {
  const { from: chosen, to, now } = useRange();
  const from = Math.min(chosen, to - atLeast);
  const interval = Math.max(query.interval, useShortestKept(from, now));
  const window: Window = { from, to, bin: chooseBin(to - from, interval, points) };
  const subject = JSON.stringify(parameters);
  return useQuery<SqlData<Row>, Error>({
    queryKey: ['sql', query.name, subject, window],
    enabled,
    queryFn: async ({ signal }) => {
      const all = { ...parameters, ...windowParameters(window) };
      const answer = await runSql(query.text(window, parameters), all, 'page', query.maxRows, signal);
      return { rows: toObjects<Row>(answer), window, truncated: answer.truncated };
    },
    placeholderData: (previous, previousQuery) => (previousQuery?.queryKey[2] === subject ? previous : undefined),
  });
}

/** `shortestKept` of the range's start. A range that is younger than the shortest retention needs no request. */
function useShortestKept(from: number, now: number): number {
  const { data } = useRetention({ enabled: now - from > DAY });
  return shortestKept(from, now, data?.days);
}

/**
 * Two results of the same window, for figures that need both. While only one of them has newer rows, the earlier pair stays, so
 * that no sum of one window is divided by a sum of another.
 */
export function usePair<A, B>(
  a: SqlData<A> | undefined,
  b: SqlData<B> | undefined,
): { a: SqlData<A>; b: SqlData<B> } | undefined {
  const kept = useRef<{ a: SqlData<A>; b: SqlData<B> }>(undefined);
  if (!a || !b) kept.current = undefined;
  else if (sameWindow(a.window, b.window) && (kept.current?.a !== a || kept.current.b !== b)) kept.current = { a, b };
  return kept.current;
}

function sameWindow(a: Window, b: Window): boolean {
  return a.from === b.from && a.to === b.to && a.bin === b.bin;
}
