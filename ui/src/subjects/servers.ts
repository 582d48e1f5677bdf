/** A server's status, the trouble if it is not up, and its version, as several pages show them. Pure. */
import type { Server } from '../api/facts';
import { parseTime } from '../format/time';

/** `full`: the server runs, but has no connection left for the collector. */
export type Status = 'up' | 'silent' | 'full' | 'down';

/** A server is read every ten seconds. The limit allows for one lost read and the time in transit. */
export const SILENT_AFTER_SECONDS = 45;

export function statusOf(server: Pick<Server, 'up' | 'last_seen' | 'trouble'>, now: number): Status {
  const seen = parseTime(server.last_seen);
  if (seen === null || now - seen > SILENT_AFTER_SECONDS) return 'silent';
  if (server.up === false) return server.trouble?.kind === 'too_many_connections' ? 'full' : 'down';
  return 'up';
}

/**
 * When the server last answered, in epoch seconds. `last_seen` also moves with failed attempts, so for a server that does not
 * answer the history's `lastUp` counts; null if unknown.
 */
export function lastAnswer(server: Pick<Server, 'up' | 'last_seen'>, lastUp: number | null | undefined): number | null {
  return server.up === false ? (lastUp ?? null) : parseTime(server.last_seen);
}

/** Why the server is not up, and what to do: what the API knows, or else the collector's error. Null for a server that is up. */
export function troubleOf(server: Pick<Server, 'up' | 'error' | 'trouble'>): string | null {
  if (server.up !== false) return null;
  const { trouble } = server;
  return trouble ? `${trouble.message} ${trouble.remedy}` : (server.error ?? null);
}

/** `18.1` of `PostgreSQL 18.1 (Debian …) on …`. */
export function shortVersion(version: string | null | undefined): string {
  return /\d+(\.\d+)?(beta\d|rc\d|devel)?/.exec(version ?? '')?.[0] ?? '–';
}
