import { describe, expect, it } from 'vitest';
import type { Server } from '../api/facts';
import { lastAnswer, statusOf, troubleOf } from './servers';

const server = (part: Partial<Server>): Server => ({
  name: 'db-1:5432',
  up: true,
  version: '18.1',
  role: 'primary',
  first_seen: '1970-01-01T00:00:00Z',
  last_seen: '1970-01-01T00:01:35Z',
  ...part,
});

const full: NonNullable<Server['trouble']> = {
  kind: 'too_many_connections',
  sqlstate: '53300',
  message: 'The server has reached max_connections.',
  remedy: 'End idle sessions.',
};

describe('statusOf', () => {
  it.each([
    [server({}), 'up'],
    [server({ up: false, error: 'connection refused' }), 'down'],
    [server({ up: false, error: 'db-1:5432: sorry, too many clients already', trouble: full }), 'full'],
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

describe('troubleOf', () => {
  it.each([
    [server({}), null],
    [server({ trouble: full }), null],
    [
      server({ up: false, error: 'db-1: x', trouble: full }),
      'The server has reached max_connections. End idle sessions.',
    ],
    [server({ up: false, error: 'db-1: x' }), 'db-1: x'],
    [server({ up: false }), null],
  ])('%#: %s', (entry, trouble) => expect(troubleOf(entry)).toBe(trouble));
});
