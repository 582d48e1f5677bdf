/** A server's status and version as several pages show them. Pure. */
import type { Server } from '../api/facts';
import { parseTime } from '../format/time';

export type Status = 'up' | 'silent' | 'down';

/** A server is read every ten seconds. The limit allows for one lost read and the time in transit. */
export const SILENT_AFTER_SECONDS = 45;

export function statusOf(server: Pick<Server, 'up' | 'last_seen'>, now: number): Status {
  if (server.up === false) return 'down';
  const seen = parseTime(server.last_seen);
  return seen === null || now - seen > SILENT_AFTER_SECONDS ? 'silent' : 'up';
}

/** `18.1` of `PostgreSQL 18.1 (Debian …) on …`. */
export function shortVersion(version: string | null | undefined): string {
  return /\d+(\.\d+)?(beta\d|rc\d|devel)?/.exec(version ?? '')?.[0] ?? '–';
}
