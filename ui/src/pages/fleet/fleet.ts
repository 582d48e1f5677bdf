/** A row of the Fleet page: a server of /api/v1/servers with the figures of three queries. Pure. */
import type { Server } from '../../api/facts';
import { enough } from '../../history/spread';
import type { Window } from '../../range/bins';
import { timeline } from '../../range/bins';
import { lastAnswer, type Status, statusOf, troubleOf } from '../../subjects/servers';
import type { FleetSize, FleetWork } from './fleet.sql';

export interface FleetRow {
  name: string;
  status: Status;
  role: string | null;
  version: string | null;
  sessions: number | null;
  spark: (number | null)[];
  tps: number | null;
  hits: number | null;
  size: number | null;
  age: number | null;
  /** When the server last answered. */
  lastSeen: number | null;
  /** Why the server does not answer, with the remedy if it is known. */
  trouble: string | null;
}

/** Ages of the oldest xid. PostgreSQL forces a freeze at 200 M (autovacuum_freeze_max_age); far higher ages mean that it fails. */
export const AGE_WARNING = 400_000_000;
export const AGE_BAD = 1_000_000_000;

interface Sources {
  sessions: { window: Window; rows: { server: string; t: number; seconds: number; samples: number }[] } | undefined;
  work: FleetWork[] | undefined;
  size: FleetSize[] | undefined;
  /** Last answers of servers, in epoch seconds. */
  answers?: { server: string; last_up: number }[] | undefined;
}

export function fleetRows(servers: Server[], sources: Sources, now: number): FleetRow[] {
  const { sessions } = sources;
  const times = sessions ? timeline(sessions.window) : [];
  const index = new Map(times.map((t, i) => [t, i]));
  const sampled = new Map<string, { spark: (number | null)[]; samples: number; seconds: number }>();
  for (const row of sessions?.rows ?? []) {
    const entry = sampled.get(row.server) ?? {
      spark: new Array<number | null>(times.length).fill(null),
      samples: 0,
      seconds: 0,
    };
    const i = index.get(row.t);
    if (sessions && i !== undefined && enough(row.seconds, sessions.window) !== null) {
      entry.spark[i] = row.samples / row.seconds;
    }
    entry.samples += row.samples;
    entry.seconds += row.seconds;
    sampled.set(row.server, entry);
  }
  const work = new Map(sources.work?.map((row) => [row.server, row]));
  const answers = new Map(sources.answers?.map((row) => [row.server, row.last_up]));
  const size = new Map(sources.size?.map((row) => [row.server, row]));
  return servers.map((server) => {
    const samples = sampled.get(server.name);
    const figures = work.get(server.name);
    return {
      name: server.name,
      status: statusOf(server, now),
      role: server.role ?? null,
      version: server.version ?? null,
      sessions: samples && samples.seconds > 0 ? samples.samples / samples.seconds : null,
      spark: samples?.spark ?? [],
      tps: figures?.transactions != null && figures.ms ? (figures.transactions * 1000) / figures.ms : null,
      hits: figures?.hits ?? null,
      size: size.get(server.name)?.size ?? null,
      age: size.get(server.name)?.age ?? null,
      lastSeen: lastAnswer(server, answers.get(server.name)),
      trouble: troubleOf(server),
    };
  });
}

export function matches(row: FleetRow, search: string): boolean {
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) =>
      `${row.name} ${row.role ?? ''} ${row.version ?? ''} ${row.status} ${row.trouble ?? ''}`
        .toLowerCase()
        .includes(word),
    );
}
