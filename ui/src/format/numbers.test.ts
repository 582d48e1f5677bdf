import { describe, expect, it } from 'vitest';
import {
  exact,
  formatBytes,
  formatChange,
  formatCount,
  formatLong,
  formatMs,
  formatPercent,
  formatRate,
  NOTHING,
} from './numbers';

describe('numbers', () => {
  it.each([
    [0, '0'],
    [0.0004, '<0.001'],
    [0.25, '0.25'],
    [9.876, '9.88'],
    [12.34, '12.3'],
    [999, '999'],
    [1000, '1 k'],
    [12_345, '12.3 k'],
    [9_999_999, '10 M'],
    [-1500, '-1.5 k'],
  ])('count %d reads %s', (value, text) => expect(formatCount(value)).toBe(text));

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [8192, '8 kB'],
    [356_515_840, '340 MB'],
    [1024 ** 4, '1 TB'],
  ])('%d bytes read %s', (value, text) => expect(formatBytes(value)).toBe(text));

  it.each([
    [0, '0 ms'],
    [0.0421, '42.1 µs'],
    [3.456, '3.46 ms'],
    [1200, '1.2 s'],
    [75_000, '1 min 15 s'],
    [11_520_000, '3 h 12 min'],
  ])('%d ms read %s', (value, text) => expect(formatMs(value)).toBe(text));

  it.each([
    [0.5, '50 %'],
    [0.99996, '99.99 %'],
    [1, '100 %'],
    [0.0123, '1.23 %'],
  ])('share %d reads %s', (value, text) => expect(formatPercent(value)).toBe(text));

  it.each([
    [112, 100, '+12 %'],
    [50, 100, '−50 %'],
    [340, 100, '×3.4'],
    [5, 0, 'new'],
    [0, 0, '0 %'],
    [5, null, NOTHING],
  ])('%d after %d reads %s', (now, before, text) => expect(formatChange(now, before)).toBe(text));

  it('rates carry their unit', () => expect(formatRate(12_300)).toBe('12.3 k/s'));
  it('long durations show two units', () => expect(formatLong(90_061)).toBe('1 d 1 h'));

  it('no value differs from zero', () => {
    for (const format of [formatBytes, formatCount, formatMs, formatPercent, formatRate, formatLong]) {
      expect(format(null)).toBe(NOTHING);
      expect(format(Number.NaN)).toBe(NOTHING);
      expect(format(0)).not.toBe(NOTHING);
    }
    expect(exact(null)).toBe('no data');
  });

  it('the exact value has all digits', () => expect(exact(1_234_567_890_123, 'bytes')).toBe('1,234,567,890,123 bytes'));
});
