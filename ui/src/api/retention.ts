/** How long the backend keeps each tier of the history. */
import { useQuery } from '@tanstack/react-query';
import { DAY, shortestKept } from '../history/kept';
import { get } from './client';

export function useRetention({ enabled = true } = {}) {
  return useQuery({
    queryKey: ['retention'],
    queryFn: ({ signal }) => get('/api/v1/settings/retention', signal),
    enabled,
  });
}

/** `shortestKept` for a range's start. What is younger than the shortest retention needs no question. */
export function useShortestKept(from: number, now: number): number {
  const { data } = useRetention({ enabled: now - from > DAY });
  return shortestKept(from, now, data?.days);
}
