import { describe, expect, it } from 'vitest';
import { formatChange } from '../../format/numbers';
import { comparable } from './change';

const hour = 3600;

describe('the change against the range before', () => {
  it('compares totals per collected second', () => {
    // 100 calls in 48 collected minutes are as busy as 125 calls in 60.
    const before = comparable('calls', { before: 100, seconds: 3600, seconds_before: 2880 }, hour);
    expect(before).toBe(125);
    expect(formatChange(125, before)).toBe('0 %');
  });

  it('compares means as they are', () => {
    expect(comparable('mean', { before: 20, seconds: 3600, seconds_before: 2880 }, hour)).toBe(20);
  });

  it('is unknown if less than 80 % of the range before was collected', () => {
    expect(comparable('calls', { before: 100, seconds: 3600, seconds_before: 2800 }, hour)).toBeNull();
  });
});
