import { describe, expect, it } from 'vitest';
import { formatAgo, formatMoment, formatSpan, parseTime } from './time';

const noon = 1_735_732_800; // 2025-01-01T12:00:00Z

describe('times', () => {
  it('are in ISO order with 24 hours', () => expect(formatMoment(noon, 'utc')).toBe('2025-01-01 12:00:00'));
  it('midnight is 00, not 24', () => expect(formatMoment(noon - 43_200, 'utc')).toBe('2025-01-01 00:00:00'));
  it('a span within a day has the day once', () =>
    expect(formatSpan(noon, noon + 3600, 'utc')).toBe('1 Jan 12:00 – 13:00'));
  it('a span over midnight has both days', () =>
    expect(formatSpan(noon, noon + 86_400, 'utc')).toBe('1 Jan 12:00 – 2 Jan 12:00'));
  it('the time since a moment has one unit', () => {
    expect(formatAgo(noon, noon + 4)).toBe('4 s ago');
    expect(formatAgo(noon, noon + 7200)).toBe('2 h ago');
    expect(formatAgo(null, noon)).toBe('never');
  });
  it('parses times of the API', () => {
    expect(parseTime('2025-01-01T12:00:00Z')).toBe(noon);
    expect(parseTime(null)).toBeNull();
  });
});
