import { describe, expect, it } from 'vitest';
import {
  DEFAULT_RANGE,
  formatRangeDuration,
  parseDuration,
  readRange,
  resolveRange,
  writeRange,
  zoomOut,
} from './range';

const read = (text: string) => readRange(new URLSearchParams(text));

describe('readRange', () => {
  it('reads relative ranges', () => expect(read('range=6h')).toEqual({ kind: 'relative', seconds: 21_600 }));
  it('reads absolute ranges', () =>
    expect(read('from=2025-01-01T00:00:00Z&to=2025-01-01T01:00:00Z')).toEqual({
      kind: 'absolute',
      from: 1_735_689_600,
      to: 1_735_693_200,
    }));
  it.each(['', 'range=', 'range=0h', 'range=xx', 'from=a&to=b', 'from=2025-01-02T00:00:00Z&to=2025-01-01T00:00:00Z'])(
    'uses the default for %j',
    (text) => expect(read(text)).toEqual(DEFAULT_RANGE),
  );
});

describe('writeRange', () => {
  it('round-trips and keeps other parameters', () => {
    const search = writeRange(new URLSearchParams('server=a&range=1h'), { kind: 'absolute', from: 1000, to: 2000 });
    expect(search.get('server')).toBe('a');
    expect(search.has('range')).toBe(false);
    expect(readRange(search)).toEqual({ kind: 'absolute', from: 1000, to: 2000 });
  });
});

describe('durations', () => {
  it.each(['15m', '1h', '24h', '2d', '7d', '90s'])('%s round-trips', (text) =>
    expect(formatRangeDuration(parseDuration(text) ?? 0)).toBe(text),
  );
});

describe('zoomOut', () => {
  it('doubles the range, but never beyond now', () => {
    const wider = resolveRange(zoomOut({ kind: 'absolute', from: 800, to: 1000 }, 1000), 1000);
    expect(wider).toEqual({ from: 600, to: 1000 });
  });
});
