/** Whether a collector is well, and what is wrong with one that is not. Pure. */
import type { Collector } from '../api/facts';
import { formatLong } from '../format/numbers';
import { parseTime } from '../format/time';

export type State = 'well' | 'dropping' | 'clock' | 'behind' | 'silent' | 'revoked';

/** The worst first. */
export const STATE_ORDER: readonly State[] = ['silent', 'dropping', 'behind', 'clock', 'revoked', 'well'];

/** A batch leaves every ten seconds; half a minute allows for a lost one and the way here. */
export const SILENT_AFTER_SECONDS = 45;
/** Seconds a batch waits for the next flush and its turn; a minute is a backlog. */
export const BEHIND_AFTER_MS = 60_000;
/** What was dropped yesterday is for the table, not for the alarm. */
export const DROPPING_FOR_SECONDS = 3600;

export interface Verdict {
  state: State;
  /** One sentence for people. */
  said: string;
}

export function verdictOf(collector: Collector, now: number): Verdict {
  const seen = parseTime(collector.last_seen);
  const dropped = parseTime(collector.last_dropped);
  const waiting = collector.status?.spool_batches ?? 0;
  if (collector.credential.kind === 'revoked') {
    return {
      state: 'revoked',
      said: 'shut out by an admin: it keeps its batches until it is forgotten and enrols anew',
    };
  }
  if (seen === null || now - seen > SILENT_AFTER_SECONDS) {
    return { state: 'silent', said: 'nothing has arrived for a while; see whether it runs and reaches the backend' };
  }
  if (dropped !== null && now - dropped < DROPPING_FOR_SECONDS) {
    return { state: 'dropping', said: 'it had to drop rows within the hour: its spool is full, or rows are too large' };
  }
  if ((collector.lag_ms ?? 0) >= BEHIND_AFTER_MS) {
    const lag = formatLong((collector.lag_ms ?? 0) / 1000);
    return { state: 'behind', said: `its batches arrive ${lag} late; ${waiting} waited in its spool` };
  }
  if (collector.clock_wrong) {
    return { state: 'clock', said: `its machine’s clock is ${skewText(collector)}: set it (NTP)` };
  }
  return { state: 'well', said: 'ships' };
}

/** `5 min ahead`, `1 h behind`; nothing where it cannot be told. */
export function skewText(collector: Pick<Collector, 'clock_skew_ms'>): string {
  const skew = collector.clock_skew_ms;
  if (skew == null) return '–';
  const seconds = Math.abs(skew) / 1000;
  if (seconds < 1) return 'right';
  return `${formatLong(seconds)} ${skew > 0 ? 'ahead' : 'behind'}`;
}

/** Those a person should look at, the worst first. Who was shut out on purpose is no news. */
export function troubled(collectors: Collector[], now: number): { collector: Collector; verdict: Verdict }[] {
  return collectors
    .map((collector) => ({ collector, verdict: verdictOf(collector, now) }))
    .filter(({ verdict }) => verdict.state !== 'well' && verdict.state !== 'revoked')
    .sort((a, b) => STATE_ORDER.indexOf(a.verdict.state) - STATE_ORDER.indexOf(b.verdict.state));
}

export function matches(collector: Collector, search: string): boolean {
  const text = `${collector.name} ${collector.id} ${collector.version} ${collector.credential.kind}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
