/** The time range in the URL: `range=1h` (until now) or `from=…&to=…` (absolute, UTC). */

export type Range = { kind: 'relative'; seconds: number } | { kind: 'absolute'; from: number; to: number };

export const PRESETS = ['15m', '1h', '3h', '6h', '12h', '24h', '2d', '7d', '30d'] as const;
export const DEFAULT_RANGE: Range = { kind: 'relative', seconds: 3600 };

/** The shortest range that a brush on a chart can set. */
export const SHORTEST_SECONDS = 60;

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

export function parseDuration(text: string): number | null {
  const match = /^(\d{1,6})([smhdw])$/.exec(text.trim());
  const unit = match?.[2] ? UNITS[match[2]] : undefined;
  const seconds = unit ? Number(match?.[1]) * unit : 0;
  return seconds > 0 ? seconds : null;
}

export function formatRangeDuration(seconds: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    const size = UNITS[unit] ?? 1;
    if (seconds % size === 0 && (unit !== 'd' || seconds > 86_400)) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

export function readRange(search: URLSearchParams): Range {
  const from = Date.parse(search.get('from') ?? '');
  const to = Date.parse(search.get('to') ?? '');
  if (Number.isFinite(from) && Number.isFinite(to) && to > from) {
    return { kind: 'absolute', from: Math.floor(from / 1000), to: Math.ceil(to / 1000) };
  }
  const seconds = parseDuration(search.get('range') ?? '');
  return seconds ? { kind: 'relative', seconds } : DEFAULT_RANGE;
}

/** Writes the range into search parameters and keeps all other parameters. */
export function writeRange(search: URLSearchParams, range: Range): URLSearchParams {
  const next = new URLSearchParams(search);
  for (const key of ['range', 'from', 'to']) next.delete(key);
  if (range.kind === 'relative') {
    next.set('range', formatRangeDuration(range.seconds));
  } else {
    next.set('from', isoSeconds(range.from));
    next.set('to', isoSeconds(range.to));
  }
  return next;
}

function isoSeconds(epoch: number): string {
  return new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');
}

/** The range as two moments. `now` is the moment of the last refresh, so that all parts of a page show the same range. */
export function resolveRange(range: Range, now: number): { from: number; to: number } {
  return range.kind === 'absolute' ? { from: range.from, to: range.to } : { from: now - range.seconds, to: now };
}

/** A range twice as long around the same middle, but never beyond now. Used by Back if no earlier range is known. */
export function zoomOut(range: Range, now: number): Range {
  const { from, to } = resolveRange(range, now);
  const length = to - from;
  if (range.kind === 'relative') return { kind: 'relative', seconds: length * 2 };
  const end = Math.min(now, to + Math.round(length / 2));
  return { kind: 'absolute', from: end - length * 2, to: end };
}
