/** Users and tokens: requests of the admin's page. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post, remove } from '../../api/client';

export const ROLES = ['viewer', 'editor', 'admin'] as const;

export interface Account {
  name: string;
  role: string;
  created: string | null;
  disabled: boolean;
}

export interface Token {
  id: number | string;
  name: string;
  kind: string;
  role: string | null;
  created: string | null;
  expires: string | null;
  last_used: string | null;
  revoked: boolean | string | null;
}

export function useAccounts() {
  return useQuery({ queryKey: ['users'], queryFn: ({ signal }) => get<Account[]>('users', signal) });
}

export function useTokens() {
  return useQuery({ queryKey: ['tokens'], queryFn: ({ signal }) => get<Token[]>('tokens', signal) });
}

export function useAddAccount() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (account: { name: string; password: string; role: string }) => post('users', account),
    onSuccess: () => client.invalidateQueries({ queryKey: ['users'] }),
  });
}

export function useRemoveAccount() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => remove(`users/${encodeURIComponent(name)}`),
    onSuccess: () => client.invalidateQueries({ queryKey: ['users'] }),
  });
}

export function useAddToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (token: { name: string; kind: string; role: string }) =>
      (await (await post('tokens', token)).json()) as { token: string },
    onSuccess: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  });
}

export function useRevokeToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: number | string) => remove(`tokens/${encodeURIComponent(String(id))}`),
    onSuccess: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  });
}
