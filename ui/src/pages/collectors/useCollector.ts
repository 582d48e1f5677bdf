/** An admin's actions on a collector. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { postTo, remove } from '../../api/client';

function useChange(mutationFn: (id: string) => Promise<void>) {
  const client = useQueryClient();
  return useMutation({ mutationFn, onSuccess: () => client.invalidateQueries({ queryKey: ['collectors'] }) });
}

export function useRevokeCollector() {
  return useChange((id) => postTo('/api/v1/collectors/{id}/revoke', id));
}

export function useForgetCollector() {
  return useChange((id) => remove('/api/v1/collectors/{id}', id));
}
