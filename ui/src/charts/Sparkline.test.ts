import { describe, expect, it } from 'vitest';
import { sparkPaths } from './Sparkline';

describe('sparkPaths', () => {
  it('breaks the line at a gap', () => {
    const { line } = sparkPaths([1, 2, null, 3], 30, 10);
    expect(line.match(/M/g)).toHaveLength(2);
  });
  it('a point without neighbours is a dot', () => expect(sparkPaths([null, 1, null], 30, 10).line).toMatch(/h0$/));
  it('without values draws nothing', () => expect(sparkPaths([null, null], 30, 10).line).toBe(''));
  it('zero is a line at the bottom', () => expect(sparkPaths([0, 0], 30, 10).line).toBe('M0 9L30 9'));
});
