import { describe, expect, it } from 'vitest';
import { sampledSeconds, sessionSeries } from './sessions';

const window = { from: 0, to: 50, bin: 10 };
const row = (t: number, name: string | null, seconds: number, samples: number) => ({
  t,
  class: name,
  seconds,
  samples,
});

const rows = [
  row(0, null, 10, 300),
  row(0, 'Lock', 10, 20),
  row(0, 'CPU', 4, 5),
  row(10, null, 10, 300),
  row(30, null, 5, 150),
  row(30, 'CPU', 5, 10),
  row(40, null, 0.5, 15),
  row(40, 'CPU', 0.5, 1),
];

describe('sessionSeries', () => {
  const { times, series } = sessionSeries(window, rows);
  const values = (name: string) => series.find((entry) => entry.name === name)?.values;

  it('divides samples by the sampled seconds of the bin', () => {
    expect(values('Lock')?.[0]).toBe(2);
    expect(values('CPU')?.[0]).toBe(0.5);
    expect(values('CPU')?.[3]).toBe(2);
  });
  it('shows zero for an idle bin, and a gap for a bin with no or few samples', () => {
    expect(times).toEqual([0, 10, 20, 30, 40]);
    expect(values('CPU')).toEqual([0.5, 0, null, 2, null]);
    expect(values('Lock')).toEqual([2, 0, null, 0, null]);
  });
  it('has an overall figure of all samples over all sampled seconds', () => {
    // The mean of the bins would be (0.5 + 0 + 2) / 3 for CPU.
    expect(series.map((entry) => [entry.name, entry.overall])).toEqual([
      ['CPU', 16 / 25.5],
      ['Lock', 20 / 25.5],
    ]);
  });
  it('stacks CPU first', () => expect(series.map((entry) => entry.name)).toEqual(['CPU', 'Lock']));
  it('shows a zero line for an idle server', () => {
    const idle = sessionSeries(window, [row(0, null, 10, 1)]);
    expect(idle.series[0]?.values).toEqual([0, null, null, null, null]);
  });
});

describe('sampledSeconds', () => {
  it('counts each bin once', () => expect(sampledSeconds(rows)).toBe(25.5));
});
