/** A server's status, the reason if it is not up, and its version, as several pages show them. Pure. */
import type { Server } from '../api/facts';
import { parseTime } from '../format/time';

/** `full`: the server runs, but has no connection left for the collector. */
export type Status = 'up' | 'silent' | 'full' | 'down';

/** A server is read every ten seconds. The limit allows for one lost read and the time in transit. */
export const SILENT_AFTER_SECONDS = 45;

export function statusOf(server: Pick<Server, 'up' | 'last_seen' | 'error'>, now: number): Status {
  const seen = parseTime(server.last_seen);
  if (seen === null || now - seen > SILENT_AFTER_SECONDS) return 'silent';
  if (server.up === false) return connectionLimit(server.error) ? 'full' : 'down';
  return 'up';
}

/**
 * When the server last answered, in epoch seconds. `last_seen` also moves with failed attempts, so for a server that does not
 * answer the history's `lastUp` counts; null if unknown.
 */
export function lastAnswer(server: Pick<Server, 'up' | 'last_seen'>, lastUp: number | null | undefined): number | null {
  return server.up === false ? (lastUp ?? null) : parseTime(server.last_seen);
}

/** Which limit refused the collector's connection, and how to raise it. */
export interface ConnectionLimit {
  message: string;
  remedy: string;
}

/** The messages of SQLSTATE 53300 (too_many_connections), and of PgBouncer. */
const ROLE_LIMIT = /too many connections for role "(.+?)"/;
const DATABASE_LIMIT = /too many connections for database "(.+?)"/;
const SERVER_LIMIT =
  /too many clients already|remaining connection slots are reserved|no more connections allowed|\b53300\b/;

/** The exceeded connection limit; null if the error has another cause. */
export function connectionLimit(error: string | null | undefined): ConnectionLimit | null {
  const role = ROLE_LIMIT.exec(error ?? '')?.[1];
  if (role !== undefined) {
    return {
      message: `The role ${role} has reached its connection limit.`,
      remedy: `Raise the limit with ALTER ROLE ${quoted(role)} CONNECTION LIMIT. The collector needs two connections.`,
    };
  }
  const database = DATABASE_LIMIT.exec(error ?? '')?.[1];
  if (database !== undefined) {
    return {
      message: `The database ${database} has reached its connection limit.`,
      remedy: `Raise the limit with ALTER DATABASE ${quoted(database)} CONNECTION LIMIT, or end idle sessions in it.`,
    };
  }
  if (!SERVER_LIMIT.test(error ?? '')) return null;
  return {
    message: 'The server has reached max_connections.',
    remedy:
      'End idle sessions, use a connection pooler, or raise max_connections. From PostgreSQL 16 on, GRANT pg_use_reserved_connections to the collector’s role keeps a slot for it, if reserved_connections is set.',
  };
}

/** A name as SQL takes it. */
function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** `18.1` of `PostgreSQL 18.1 (Debian …) on …`. */
export function shortVersion(version: string | null | undefined): string {
  return /\d+(\.\d+)?(beta\d|rc\d|devel)?/.exec(version ?? '')?.[0] ?? '–';
}
