import { describe, expect, it } from 'vitest';
import { chooseBin, MAX_POINTS, timeline } from './bins';

describe('chooseBin', () => {
  it('never gives a chart more points than it holds', () => {
    for (const seconds of [900, 3600, 21_600, 86_400, 604_800, 2_592_000, 31_536_000]) {
      expect(seconds / chooseBin(seconds, 10)).toBeLessThanOrEqual(MAX_POINTS);
    }
  });

  it('makes each bin a multiple of the interval', () => {
    expect(chooseBin(900, 10)).toBe(10);
    expect(chooseBin(900, 60)).toBe(60);
    expect(chooseBin(3600, 10)).toBe(20);
    expect(chooseBin(21_600, 60)).toBe(120);
    expect(chooseBin(3600, 300)).toBe(300);
  });
});

describe('timeline', () => {
  it('starts with the bin of the window’s start', () => {
    expect(timeline({ from: 65, to: 190, bin: 60 })).toEqual([60, 120, 180]);
  });
});
