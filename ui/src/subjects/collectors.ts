/** The state of a collector, and the reason if it is unhealthy. Pure. */
import type { Collector } from '../api/facts';
import { formatLong } from '../format/numbers';
import { parseTime } from '../format/time';

export type State = 'healthy' | 'dropping' | 'clock' | 'behind' | 'silent' | 'revoked';

/** All states, the worst first. */
export const STATE_ORDER: readonly State[] = ['silent', 'dropping', 'behind', 'clock', 'revoked', 'healthy'];

/** A batch leaves every ten seconds. The limit allows for lost batches and the time in transit. */
export const SILENT_AFTER_SECONDS = 45;
/** A batch usually waits seconds for its turn. A minute means a backlog. */
export const BEHIND_AFTER_MS = 60_000;
/** Rows whose times were moved earlier than this count in the table only, not in the state. */
export const MOVED_FOR_SECONDS = 3600;
/** Rows that were dropped earlier than this count in the table only, not in the state. */
export const DROPPING_FOR_SECONDS = 3600;

export interface Verdict {
  state: State;
  /** The reason as a sentence. */
  message: string;
}

export function verdictOf(collector: Collector, now: number): Verdict {
  const seen = parseTime(collector.last_seen);
  const dropped = parseTime(collector.last_dropped);
  const waiting = collector.status?.spool_batches ?? 0;
  if (collector.credential.kind === 'revoked') {
    return {
      state: 'revoked',
      message: 'An admin revoked its credential. It keeps its batches until it is forgotten and enrols again.',
    };
  }
  if (seen === null || now - seen > SILENT_AFTER_SECONDS) {
    return { state: 'silent', message: 'No batch for more than 45 s. Check that it runs and reaches the backend.' };
  }
  if (dropped !== null && now - dropped < DROPPING_FOR_SECONDS) {
    return {
      state: 'dropping',
      message: 'It dropped rows within the last hour: its spool was full, or rows were too large.',
    };
  }
  if ((collector.lag_ms ?? 0) >= BEHIND_AFTER_MS) {
    const lag = formatLong((collector.lag_ms ?? 0) / 1000);
    return { state: 'behind', message: `Its batches arrive ${lag} late. ${waiting} are waiting in its spool.` };
  }
  if (collector.clock_wrong) {
    return {
      state: 'clock',
      message: `Its host’s clock is ${skewText(collector)}, so its rows get the backend’s time. Synchronise it with NTP.`,
    };
  }
  const moved = parseTime(collector.last_moved);
  if (moved !== null && now - moved < MOVED_FOR_SECONDS) {
    return {
      state: 'clock',
      message:
        'Its host’s clock was wrong within the last hour, so rows got the backend’s time. Synchronise it with NTP.',
    };
  }
  return { state: 'healthy', message: 'Ships its batches.' };
}

/** The clock's offset: `5 min ahead`, `1 h behind`; a dash if unknown. */
export function skewText(collector: Pick<Collector, 'clock_skew_ms'>): string {
  const skew = collector.clock_skew_ms;
  if (skew == null) return '–';
  const seconds = Math.abs(skew) / 1000;
  if (seconds < 1) return 'correct';
  return `${formatLong(seconds)} ${skew > 0 ? 'ahead' : 'behind'}`;
}

/** Unhealthy collectors, the worst first, without those whose credential was revoked on purpose. */
export function unhealthy(collectors: Collector[], now: number): { collector: Collector; verdict: Verdict }[] {
  return collectors
    .map((collector) => ({ collector, verdict: verdictOf(collector, now) }))
    .filter(({ verdict }) => verdict.state !== 'healthy' && verdict.state !== 'revoked')
    .sort((a, b) => STATE_ORDER.indexOf(a.verdict.state) - STATE_ORDER.indexOf(b.verdict.state));
}

export function matches(collector: Collector, search: string): boolean {
  const text = `${collector.name} ${collector.id} ${collector.version} ${collector.credential.kind}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
