/** Requests of the Settings page: users, tokens and retention. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, postForJson, put, remove, type Schemas } from '../../api/client';

export const ROLES: Schemas['Role'][] = ['viewer', 'editor', 'admin'];
export const TOKEN_KINDS: Schemas['TokenKind'][] = ['api', 'collector', 'enrolment'];

export function useAccounts() {
  return useQuery({ queryKey: ['users'], queryFn: ({ signal }) => get('/api/v1/users', signal) });
}

export function useTokens() {
  return useQuery({ queryKey: ['tokens'], queryFn: ({ signal }) => get('/api/v1/tokens', signal) });
}

export function useAddAccount() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (account: Schemas['NewUser']) => postForJson('/api/v1/users', account),
    onSuccess: () => client.invalidateQueries({ queryKey: ['users'] }),
  });
}

export function useRemoveAccount() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => remove('/api/v1/users/{name}', name),
    onSuccess: () => client.invalidateQueries({ queryKey: ['users'] }),
  });
}

export function useAddToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (token: Schemas['NewTokenRequest']) => postForJson('/api/v1/tokens', token),
    onSuccess: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  });
}

export function useRevokeToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: number) => remove('/api/v1/tokens/{id}', id),
    onSuccess: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  });
}

export function useSetRetention() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (setting: Schemas['RetentionSetting']) => put('/api/v1/settings/retention', setting),
    onSuccess: (info) => client.setQueryData(['retention'], info),
  });
}
