import { describe, expect, it } from 'vitest';
import type { Server } from '../api/facts';
import { statusOf } from './servers';

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
    [server({ up: false }), 'down'],
    [server({ last_seen: '1970-01-01T00:00:10Z' }), 'silent'],
    [server({ up: null, last_seen: '1970-01-01T00:01:35Z' }), 'up'],
  ])('%#: %s', (entry, status) => expect(statusOf(entry, 100)).toBe(status));
});
