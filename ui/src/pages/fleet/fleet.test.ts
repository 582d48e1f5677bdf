import { describe, expect, it } from 'vitest';
import type { Server } from '../../api/facts';
import { fleetRows, matches } from './fleet';
import { fleetSessions, fleetSize, fleetWork } from './fleet.sql';

const server = (part: Partial<Server>): Server => ({
  name: 'db-1:5432',
  up: true,
  version: '18.1',
  role: 'primary',
  first_seen: '1970-01-01T00:00:00Z',
  last_seen: '1970-01-01T00:01:35Z',
  ...part,
});

describe('the tables of a range', () => {
  const now = Date.now() / 1000;
  it.each([
    ['the last hour', { from: now - 3600, to: now, bin: 120 }, 'pganalytics_fleet_minutes', 'pganalytics_fleet'],
    ['a day until now', { from: now - 86_400, to: now, bin: 3600 }, 'pg_stat_activity_1h', 'pganalytics_fleet'],
    ['an hour of last week', { from: now - 700_000, to: now - 696_400, bin: 120 }, 'pg_stat_activity', 'pg_database'],
  ])('of %s', (_, window, sessions, size) => {
    expect(fleetSessions.text(window, {})).toMatch(new RegExp(`from ${sessions}\\s`));
    expect(fleetWork.text(window, {})).toMatch(new RegExp(`from ${sessions.replace('activity', 'database')}\\s`));
    expect(fleetSize.text(window, {})).toMatch(new RegExp(`from ${size}\\s`));
  });
});

describe('fleetRows', () => {
  it('joins the figures, and keeps unknown figures null', () => {
    const [row] = fleetRows(
      [server({})],
      {
        sessions: {
          window: { from: 0, to: 30, bin: 10 },
          rows: [{ server: 'db-1:5432', t: 0, seconds: 10, samples: 20 }],
        },
        work: [{ server: 'db-1:5432', transactions: 100, hits: 0.5, ms: 20_000 }],
        size: undefined,
      },
      100,
    );
    expect(row).toMatchObject({ spark: [2, null, null], sessions: 2, tps: 5, hits: 0.5, size: null });
  });
});

describe('the average of active sessions', () => {
  it('is all samples over all sampled seconds, however the bins differ', () => {
    const [row] = fleetRows(
      [server({})],
      {
        sessions: {
          window: { from: 0, to: 120, bin: 60 },
          rows: [
            { server: 'db-1:5432', t: 0, seconds: 60, samples: 60 },
            { server: 'db-1:5432', t: 60, seconds: 3, samples: 30 },
          ],
        },
        work: undefined,
        size: undefined,
      },
      100,
    );
    expect(row?.sessions).toBe(90 / 63);
    // Three seconds of a minute are too few for a point.
    expect(row?.spark).toEqual([1, null]);
  });
});

describe('a server that is down', () => {
  const trouble = {
    kind: 'too_many_connections' as const,
    sqlstate: '53300',
    message: 'The role monitor has reached its connection limit.',
    remedy: 'Raise the limit with ALTER ROLE monitor CONNECTION LIMIT.',
  };
  const down = server({ up: false, error: 'too many connections for role "monitor"', trouble });
  const [row] = fleetRows(
    [down],
    { sessions: undefined, work: undefined, size: undefined, answers: [{ server: 'db-1:5432', last_up: 20 }] },
    100,
  );

  it('was last seen when it was last up', () => expect(row?.lastSeen).toBe(20));
  it('has the reason and the remedy', () => {
    expect(row?.status).toBe('full');
    expect(row?.trouble).toContain('ALTER ROLE monitor CONNECTION LIMIT');
  });
  it('is found by its trouble', () => expect(row && matches(row, 'connection limit')).toBe(true));
});

describe('matches', () => {
  const [row] = fleetRows([server({})], { sessions: undefined, work: undefined, size: undefined }, 100);
  it('requires every word', () => {
    if (!row) throw new Error('no row');
    expect(matches(row, 'DB-1 primary')).toBe(true);
    expect(matches(row, 'db-1 standby')).toBe(false);
    expect(matches(row, '')).toBe(true);
  });
});
