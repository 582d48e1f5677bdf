import { describe, expect, it } from 'vitest';
import { shares } from './shares';

describe('shares', () => {
  it('adds up classes and sorts by total', () => {
    const result = shares(
      [
        { name: 'a', class: 'CPU', samples: 10 },
        { name: 'b', class: 'CPU', samples: 15 },
        { name: 'a', class: 'IO', samples: 10 },
      ],
      10,
    );
    expect(result.map((entry) => [entry.name, entry.total])).toEqual([
      ['a', 2],
      ['b', 1.5],
    ]);
  });
});
