import { describe, expect, it } from 'vitest';
import { type Scheme, WAIT_CLASSES, waitClass, waitOrder } from './colors';

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const contrast = (a: string, b: string) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
};

describe('wait classes', () => {
  it.each(['light', 'dark'] as Scheme[])('green and red differ in lightness (%s)', (scheme) => {
    expect(contrast(waitClass('CPU').color[scheme], waitClass('Lock').color[scheme])).toBeGreaterThan(1.4);
  });

  it('have different colours', () => {
    for (const scheme of ['light', 'dark'] as Scheme[]) {
      expect(new Set(WAIT_CLASSES.map((entry) => entry.color[scheme])).size).toBe(WAIT_CLASSES.length);
    }
  });

  it('stack with CPU first and unknown classes last', () => {
    expect(waitOrder('CPU')).toBe(0);
    expect(waitOrder('InjectionPoint')).toBe(WAIT_CLASSES.length);
  });
});
