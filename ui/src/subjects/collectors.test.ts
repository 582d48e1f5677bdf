import { describe, expect, it } from 'vitest';
import type { Collector } from '../api/facts';
import { matches, skewText, unhealthy, verdictOf } from './collectors';

const NOW = 1_800_000_000;
const at = (ago: number) => new Date((NOW - ago) * 1000).toISOString();

const collector = (part: Partial<Collector>): Collector => ({
  id: '8d2f6a52-0000-0000-0000-000000000001',
  name: 'db-1',
  version: '0.1.0',
  first_seen: at(9000),
  last_seen: at(5),
  sequence: 7,
  rows: 100,
  dropped_rows: 0,
  lag_ms: 40,
  clock_skew_ms: 12,
  clock_wrong: false,
  moved_rows: 0,
  credential: { kind: 'own', since: at(9000) },
  ...part,
});

describe('verdictOf', () => {
  it.each([
    ['healthy', {}],
    ['healthy', { last_dropped: at(7200), dropped_rows: 5 }],
    ['silent', { last_seen: at(60), clock_wrong: true }],
    ['dropping', { last_dropped: at(60), dropped_rows: 5, lag_ms: 900_000 }],
    ['behind', { lag_ms: 900_000, clock_wrong: true }],
    ['clock', { clock_wrong: true, clock_skew_ms: 3_600_000 }],
    ['clock', { last_moved: at(60), moved_rows: 5 }],
    ['healthy', { last_moved: at(7200), moved_rows: 5 }],
    ['revoked', { credential: { kind: 'revoked', since: at(60) }, last_seen: at(600) }],
  ] satisfies [string, Partial<Collector>][])('%s: %o', (state, part) => {
    expect(verdictOf(collector(part), NOW).state).toBe(state);
  });

  it('gives the clock’s offset and the batches’ delay', () => {
    expect(verdictOf(collector({ clock_wrong: true, clock_skew_ms: -3_600_000 }), NOW).message).toContain('1 h behind');
    expect(verdictOf(collector({ lag_ms: 900_000 }), NOW).message).toContain('15 min late');
  });
});

describe('skewText', () => {
  it.each([
    [{ clock_skew_ms: 12 }, 'correct'],
    [{ clock_skew_ms: 300_000 }, '5 min ahead'],
    [{}, '–'],
  ])('%o: %s', (part, text) => expect(skewText(part)).toBe(text));
});

describe('unhealthy', () => {
  it('has the worst first, without healthy and revoked collectors', () => {
    const all = [
      collector({ name: 'clock', clock_wrong: true }),
      collector({ name: 'healthy' }),
      collector({ name: 'silent', last_seen: at(600) }),
      collector({ name: 'out', credential: { kind: 'revoked' } }),
    ];
    expect(unhealthy(all, NOW).map(({ collector: { name } }) => name)).toEqual(['silent', 'clock']);
  });
});

describe('matches', () => {
  it('requires every word', () => {
    expect(matches(collector({}), 'DB-1 own')).toBe(true);
    expect(matches(collector({}), 'db-1 revoked')).toBe(false);
  });
});
