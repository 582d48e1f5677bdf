import { describe, expect, it } from 'vitest';
import { sampledSeconds, sessionSeries, shares } from './activity';

const window = { from: 0, to: 40, bin: 10 };

describe('sessionSeries', () => {
  const { times, series } = sessionSeries(
    window,
    [
      { t: 0, class: 'Lock', samples: 20 },
      { t: 0, class: 'CPU', samples: 5 },
      { t: 10, class: null, samples: 300 },
      { t: 30, class: 'CPU', samples: 10 },
    ],
    10,
  );
  const values = (name: string) => series.find((entry) => entry.name === name)?.values;

  it('is samples over seconds', () => expect(values('Lock')?.[0]).toBe(2));
  it('an idle bin is zero, an unsampled one a gap', () => {
    expect(times).toEqual([0, 10, 20, 30]);
    expect(values('CPU')).toEqual([0.5, 0, null, 1]);
    expect(values('Lock')).toEqual([2, 0, null, 0]);
  });
  it('stacks CPU first', () => expect(series.map((entry) => entry.name)).toEqual(['CPU', 'Lock']));
  it('shows a zero line for a server that was idle throughout', () => {
    const idle = sessionSeries(window, [{ t: 0, class: null, samples: 1 }], 10);
    expect(idle.series[0]?.values).toEqual([0, null, null, null]);
  });
});

describe('sampledSeconds', () => {
  it('counts each sampled bin once, as far as the window reaches', () => {
    expect(sampledSeconds({ from: 5, to: 35, bin: 10 }, [{ t: 0 }, { t: 10 }, { t: 10 }, { t: 30 }])).toBe(20);
  });
});

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
