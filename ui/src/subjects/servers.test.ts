import { describe, expect, it } from 'vitest';
import type { Server } from '../api/facts';
import { connectionLimit, lastAnswer, statusOf } from './servers';

const server = (part: Partial<Server>): Server => ({
  name: 'db-1:5432',
  up: true,
  version: '18.1',
  role: 'primary',
  first_seen: '1970-01-01T00:00:00Z',
  last_seen: '1970-01-01T00:01:35Z',
  ...part,
});

describe('statusOf', () => {
  it.each([
    [server({}), 'up'],
    [server({ up: false, error: 'connection refused' }), 'down'],
    [server({ up: false, error: 'db-1:5432: sorry, too many clients already' }), 'full'],
    [server({ up: false, last_seen: '1970-01-01T00:00:10Z' }), 'silent'],
    [server({ last_seen: '1970-01-01T00:00:10Z' }), 'silent'],
    [server({ up: null, last_seen: '1970-01-01T00:01:35Z' }), 'up'],
  ])('%#: %s', (entry, status) => expect(statusOf(entry, 100)).toBe(status));
});

describe('the last answer', () => {
  it('is the newest row of a server that answers', () => expect(lastAnswer(server({}), 7)).toBe(95));
  it('is the last time up of a server that does not', () => {
    expect(lastAnswer(server({ up: false }), 7)).toBe(7);
    expect(lastAnswer(server({ up: false }), undefined)).toBeNull();
  });
});

describe('connectionLimit', () => {
  it.each([
    ['sorry, too many clients already', 'max_connections'],
    ['remaining connection slots are reserved for roles with the SUPERUSER attribute', 'max_connections'],
    ['remaining connection slots are reserved for non-replication superuser connections', 'max_connections'],
    [
      'remaining connection slots are reserved for roles with privileges of the "pg_use_reserved_connections" role',
      'max_connections',
    ],
    ['too many connections for role "monitor"', 'ALTER ROLE monitor CONNECTION LIMIT'],
    ['too many connections for role "Monitor"', 'ALTER ROLE "Monitor" CONNECTION LIMIT'],
    ['too many connections for database "shop"', 'ALTER DATABASE shop CONNECTION LIMIT'],
    ['désolé, trop de clients sont déjà connectés (SQLSTATE 53300)', 'max_connections'],
  ])('%s', (error, remedy) => {
    const limit = connectionLimit(`db-1:5432: ${error}`);
    expect(`${limit?.message} ${limit?.remedy}`).toContain(remedy);
  });

  it.each([null, 'connection refused', 'the database system is starting up'])('not %s', (error) => {
    expect(connectionLimit(error)).toBeNull();
  });
});
