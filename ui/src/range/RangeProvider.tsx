/**
 * The time range of all pages. The range is in the URL and ends at the moment of the last refresh unless it is absolute. A
 * brush on a chart zooms, Back returns, and a timer refreshes. The zone and the refresh interval are settings of the user, so
 * local storage holds them.
 */
import { useLocalStorage } from '@mantine/hooks';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { Zone } from '../format/time';
import { type Range, readRange, resolveRange, SHORTEST_SECONDS, writeRange, zoomOut } from './range';

interface RangeState {
  range: Range;
  from: number;
  to: number;
  /** The moment of the last refresh, epoch seconds. */
  now: number;
  setRange: (range: Range) => void;
  /** Zooms to a part of a chart. `back` returns to the range before. */
  brush: (from: number, to: number) => void;
  back: () => void;
  refresh: () => void;
}

const Context = createContext<RangeState | null>(null);

/** Moments are rounded down to this many seconds, so that queries of one refresh have the same window and share the cache. */
const NOW_STEP = 5;

const readNow = () => Math.floor(Date.now() / 1000 / NOW_STEP) * NOW_STEP;

/** Ranges before each brush, the newest last. They survive navigation, but not a reload. */
const earlier: Range[] = [];

export function RangeProvider({ children }: { children: ReactNode }) {
  const [search, setSearch] = useSearchParams();
  const [now, setNow] = useState(readNow);
  const [interval] = useRefreshInterval();

  const rangeText = `${search.get('range')}|${search.get('from')}|${search.get('to')}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the range depends on this text only, not on other parameters
  const range = useMemo(() => readRange(search), [rangeText]);
  const { from, to } = resolveRange(range, now);

  useEffect(() => {
    if (interval === 0 || range.kind === 'absolute') return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') setNow(readNow());
    }, interval * 1000);
    const onVisible = () => {
      if (document.visibilityState === 'visible') setNow(readNow());
    };
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [interval, range.kind]);

  const setRange = useCallback(
    (next: Range) => {
      setNow(readNow());
      setSearch((current) => writeRange(current, next), { preventScrollReset: true });
    },
    [setSearch],
  );

  const brush = useCallback(
    (start: number, end: number) => {
      let [a, b] = [Math.floor(start), Math.ceil(end)];
      if (b - a < SHORTEST_SECONDS) {
        const middle = Math.round((a + b) / 2);
        [a, b] = [middle - SHORTEST_SECONDS / 2, middle + SHORTEST_SECONDS / 2];
      }
      earlier.push(range);
      setRange({ kind: 'absolute', from: a, to: b });
    },
    [range, setRange],
  );

  const back = useCallback(() => setRange(earlier.pop() ?? zoomOut(range, now)), [range, now, setRange]);
  const refresh = useCallback(() => setNow(readNow()), []);

  const state = useMemo(
    () => ({ range, from, to, now, setRange, brush, back, refresh }),
    [range, from, to, now, setRange, brush, back, refresh],
  );
  return <Context value={state}>{children}</Context>;
}

export function useRange(): RangeState {
  const state = useContext(Context);
  if (!state) throw new Error('useRange is used outside RangeProvider');
  return state;
}

/** The time zone of all displayed times: local time or UTC. */
export function useZone(): [Zone, (zone: Zone) => void] {
  const [zone, setZone] = useLocalStorage<Zone>({
    key: 'pganalytics-zone',
    defaultValue: 'local',
    getInitialValueInEffect: false,
  });
  return [zone === 'utc' ? 'utc' : 'local', setZone];
}

export const REFRESH_CHOICES = [0, 10, 30, 60, 300] as const;

/** Seconds between refreshes; 0 means no automatic refresh. */
export function useRefreshInterval(): [number, (seconds: number) => void] {
  const [seconds, setSeconds] = useLocalStorage<number>({
    key: 'pganalytics-refresh',
    defaultValue: 30,
    getInitialValueInEffect: false,
  });
  return [REFRESH_CHOICES.includes(seconds as 0) ? seconds : 30, setSeconds];
}
