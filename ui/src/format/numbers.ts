/**
 * Numbers as a person reads them, in one place: three significant digits, a unit, nothing for nothing.
 * `exact` is the same value with every digit, for the hover.
 */

export type Unit =
  | 'count'
  | 'number'
  | 'per_second'
  | 'sessions'
  | 'bytes'
  | 'bytes_per_second'
  | 'ms'
  | 'percent'
  | 'xids';

/** Shown where there is no value; never confused with zero. */
export const NOTHING = '–';

type Maybe = number | null | undefined;

const isNumber = (value: Maybe): value is number => typeof value === 'number' && Number.isFinite(value);

function digits(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return '<0.001';
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  if (size >= 10) return trim(value.toFixed(1));
  return trim(value.toFixed(size >= 1 ? 2 : 3));
}

const trim = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = value;
  let i = 0;
  while (Math.abs(rest) >= (base === 1024 ? 1023.5 : 999.5) && i < units.length - 1) {
    rest /= base;
    i += 1;
  }
  const unit = units[i] ?? '';
  return unit ? `${digits(rest)} ${unit}` : digits(rest);
}

const METRIC = ['', 'k', 'M', 'G', 'T', 'P'] as const;
const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

export function formatCount(value: Maybe): string {
  return isNumber(value) ? scaled(value, 1000, METRIC) : NOTHING;
}

export function formatRate(value: Maybe): string {
  if (!isNumber(value)) return NOTHING;
  const text = scaled(value, 1000, METRIC);
  return `${text}/s`;
}

/** Sizes in powers of 1,024, named as PostgreSQL names them (pg_size_pretty). */
export function formatBytes(value: Maybe): string {
  return isNumber(value) ? scaled(value, 1024, BYTES) : NOTHING;
}

/** A duration given in milliseconds. */
export function formatMs(value: Maybe): string {
  if (!isNumber(value)) return NOTHING;
  const size = Math.abs(value);
  if (size === 0) return '0 ms';
  if (size < 1) return `${digits(value * 1000)} µs`;
  if (size < 1000) return `${digits(value)} ms`;
  const seconds = value / 1000;
  if (size < 60_000) return `${digits(seconds)} s`;
  return formatLong(seconds);
}

/** A stretch of time in seconds, in its two largest units: `3 h 12 min`. */
export function formatLong(seconds: Maybe): string {
  if (!isNumber(seconds)) return NOTHING;
  if (Math.abs(seconds) < 60) return `${digits(seconds)} s`;
  const parts: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  let rest = Math.round(Math.abs(seconds));
  const words: string[] = [];
  for (const [size, name] of parts) {
    const whole = Math.floor(rest / size);
    if (whole > 0) words.push(`${whole} ${name}`);
    else if (words.length > 0) break;
    rest -= whole * size;
    if (words.length === 2) break;
  }
  return (seconds < 0 ? '−' : '') + words.join(' ');
}

/** A share given as 0…1. Close to all is not all: 99.996 % never reads 100 %. */
export function formatPercent(value: Maybe): string {
  if (!isNumber(value)) return NOTHING;
  const percent = value * 100;
  if (percent > 99.9 && percent < 100) return `${(Math.floor(percent * 100) / 100).toFixed(2)} %`;
  return `${digits(Math.abs(percent) >= 10 ? Math.round(percent * 10) / 10 : percent)} %`;
}

/** A change against before, as a factor when large: `+12 %`, `×3.4`, `new`. */
export function formatChange(now: Maybe, before: Maybe): string {
  if (!isNumber(now)) return NOTHING;
  if (!isNumber(before)) return NOTHING;
  if (before === 0) return now === 0 ? '0 %' : 'new';
  const factor = now / before;
  if (factor >= 2) return `×${digits(factor)}`;
  const percent = Math.round((factor - 1) * 100);
  return percent === 0 ? '0 %' : `${percent > 0 ? '+' : '−'}${Math.abs(percent)} %`;
}

export function formatUnit(value: Maybe, unit: Unit): string {
  switch (unit) {
    case 'bytes':
      return formatBytes(value);
    case 'bytes_per_second':
      return isNumber(value) ? `${formatBytes(value)}/s` : NOTHING;
    case 'ms':
      return formatMs(value);
    case 'percent':
      return formatPercent(value);
    case 'per_second':
      return formatRate(value);
    default:
      return formatCount(value);
  }
}

/** Units in words, for where a number stands apart from its unit. */
export const UNIT_NAMES: Record<Unit, string> = {
  count: '',
  number: '',
  per_second: 'per second',
  sessions: 'sessions',
  bytes: 'bytes',
  bytes_per_second: 'bytes per second',
  ms: 'ms',
  percent: '',
  xids: 'transactions',
};

const EXACT = new Intl.NumberFormat('en', { maximumFractionDigits: 6 });

/** Digits that a measurement deserves: more would claim what sampling cannot know. */
const EXACT_DIGITS = 6;

/** The number alone, in the unit that UNIT_NAMES says; a share as a percentage. */
export function exactNumber(value: Maybe, unit: Unit = 'count'): string {
  if (!isNumber(value)) return 'no data';
  const rounded = Number.isInteger(value) ? value : Number(value.toPrecision(EXACT_DIGITS));
  if (unit === 'percent') return `${EXACT.format(Number((rounded * 100).toPrecision(EXACT_DIGITS)))} %`;
  return EXACT.format(rounded);
}

/** Every digit that means something, grouped, with the unit's full name. */
export function exact(value: Maybe, unit: Unit = 'count'): string {
  return isNumber(value) ? `${exactNumber(value, unit)} ${UNIT_NAMES[unit]}`.trim() : 'no data';
}
