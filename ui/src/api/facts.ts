/** The few things that are not SQL: who is signed in, which servers, views and collectors there are. */
import { useQuery } from '@tanstack/react-query';
import { ApiError, get, post } from './client';

export interface User {
  name: string;
  role: string;
}

export interface Server {
  name: string;
  up: boolean | null;
  version: string | null;
  role: string | null;
  first_seen: string | null;
  last_seen: string | null;
}

export interface ViewColumn {
  name: string;
  kind: string;
  type: string;
  unit: string | null;
  /** First major version that has it. */
  from: number;
  /** First major version that no longer has it. */
  until: number | null;
  help: string;
}

export interface View {
  name: string;
  summary: string;
  scope: string;
  interval_s: number;
  columns: ViewColumn[];
}

export interface Collector {
  id: string;
  name: string;
  version: string;
  first_seen: string;
  last_seen: string;
  sequence: number;
  rows: number;
  dropped_rows: number;
}

export const SESSION_KEY = ['session'];

/** Who is signed in; null is nobody. */
export function useSession() {
  return useQuery<User | null>({
    queryKey: SESSION_KEY,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      try {
        return await get<User>('auth/me', signal);
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
  });
}

export async function signIn(username: string, password: string): Promise<User> {
  const response = await post('auth/login', { username, password });
  const body = (await response.json()) as { user: User };
  return body.user;
}

export async function signOut(): Promise<void> {
  await post('auth/logout', {});
}

export function useServers() {
  return useQuery({
    queryKey: ['servers'],
    queryFn: ({ signal }) => get<Server[]>('servers', signal),
    refetchInterval: 30_000,
  });
}

export function useViews() {
  return useQuery({
    queryKey: ['views'],
    queryFn: ({ signal }) => get<View[]>('views', signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useCollectors() {
  return useQuery({
    queryKey: ['collectors'],
    queryFn: ({ signal }) => get<Collector[]>('collectors', signal),
    refetchInterval: 30_000,
  });
}
