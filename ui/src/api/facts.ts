/** Requests that are not SQL: the session, and the lists of servers, views and collectors. */
import { useQuery } from '@tanstack/react-query';
import { ApiError, get, post, postForJson, type Schemas } from './client';

export type User = Pick<Schemas['Me'], 'name' | 'role'>;
export type Server = Schemas['ServerInfo'];
export type View = Schemas['ViewInfo'];
export type ViewColumn = Schemas['ViewColumn'];
export type Collector = Schemas['CollectorInfo'];

export const SESSION_KEY = ['session'];

/** The signed-in user; null if nobody is signed in. */
export function useSession() {
  return useQuery<User | null>({
    queryKey: SESSION_KEY,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      try {
        return await get('/api/v1/auth/me', signal);
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
  });
}

export async function signIn(username: string, password: string): Promise<User> {
  return (await postForJson('/api/v1/auth/login', { username, password })).user;
}

export async function signOut(): Promise<void> {
  await post('/api/v1/auth/logout', undefined);
}

export function useServers() {
  return useQuery({
    queryKey: ['servers'],
    queryFn: ({ signal }) => get('/api/v1/servers', signal),
    refetchInterval: 30_000,
  });
}

export function useViews() {
  return useQuery({
    queryKey: ['views'],
    queryFn: ({ signal }) => get('/api/v1/views', signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useCollectors() {
  return useQuery({
    queryKey: ['collectors'],
    queryFn: ({ signal }) => get('/api/v1/collectors', signal),
    refetchInterval: 30_000,
  });
}
