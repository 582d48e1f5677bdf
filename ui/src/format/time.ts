/** Times as text in the chosen zone, with 24 hours and in ISO order, as in log files. */

export type Zone = 'local' | 'utc';

const cache = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: Zone, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let format = cache.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', {
      ...options,
      hourCycle: 'h23',
      ...(zone === 'utc' ? { timeZone: 'UTC' } : {}),
    });
    cache.set(key, format);
  }
  return format;
}

function parts(epoch: number, zone: Zone): Record<string, string> {
  const format = formatter(zone, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return Object.fromEntries(format.formatToParts(epoch * 1000).map((part) => [part.type, part.value]));
}

/** `2025-11-23 14:05:00` */
export function formatMoment(epoch: number, zone: Zone): string {
  const p = parts(epoch, zone);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`;
}

/** `14:05` or, with seconds, `14:05:20` */
export function formatClock(epoch: number, zone: Zone, seconds = false): string {
  const p = parts(epoch, zone);
  return seconds ? `${p.hour}:${p.minute}:${p.second}` : `${p.hour}:${p.minute}`;
}

/** `23 Nov` */
export function formatDay(epoch: number, zone: Zone): string {
  return formatter(zone, { day: 'numeric', month: 'short' }).format(epoch * 1000);
}

/** Two moments, with the day once if it is the same: `23 Nov 14:00 – 15:00`. */
export function formatSpan(from: number, to: number, zone: Zone): string {
  const seconds = to - from < 600;
  const sameDay = formatDay(from, zone) === formatDay(to, zone);
  const start = `${formatDay(from, zone)} ${formatClock(from, zone, seconds)}`;
  return sameDay
    ? `${start} – ${formatClock(to, zone, seconds)}`
    : `${start} – ${formatDay(to, zone)} ${formatClock(to, zone, seconds)}`;
}

export function parseTime(text: string | null | undefined): number | null {
  const ms = Date.parse(text ?? '');
  return Number.isFinite(ms) ? ms / 1000 : null;
}

/** The time since a moment, in one unit: `4 s ago`, `3 h ago`. */
export function formatAgo(epoch: number | null, now: number): string {
  if (epoch === null) return 'never';
  const seconds = Math.max(0, now - epoch);
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}
