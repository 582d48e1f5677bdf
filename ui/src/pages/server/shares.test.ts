import { describe, expect, it } from 'vitest';
import { shares } from './shares';

describe('shares', () => {
  const range = { all_samples: 70, seconds: 10 };
  const result = shares([
    { name: 'a', class: 'CPU', samples: 10, ...range },
    { name: 'b', class: 'CPU', samples: 15, ...range },
    { name: 'a', class: 'IO', samples: 10, ...range },
  ]);

  it('adds up classes and sorts by total', () => {
    expect(result.map((entry) => [entry.name, entry.total])).toEqual([
      ['a', 2],
      ['b', 1.5],
    ]);
  });

  it('are shares of all active sessions, also of those that are not listed', () => {
    expect(result.map((entry) => entry.share.toFixed(4))).toEqual(['0.2857', '0.2143']);
  });
});
