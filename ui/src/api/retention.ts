/** The retention of each tier of the history. */
import { useQuery } from '@tanstack/react-query';
import { get } from './client';

export function useRetention({ enabled = true } = {}) {
  return useQuery({
    queryKey: ['retention'],
    queryFn: ({ signal }) => get('/api/v1/settings/retention', signal),
    enabled,
  });
}
