/**
 * Numbers as text: three significant digits with a unit, and a dash without a value. `exact` has all digits, for the hover.
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

/** The text for no value, distinct from zero. */
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

/** Sizes in powers of 1,024 with the unit names of pg_size_pretty. */
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

/** A duration in seconds, in its two largest units: `3 h 12 min`. */
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

/** A share between 0 and 1 as a percentage. Only 1 is 100 %; 0.99996 is 99.99 %. */
export function formatPercent(value: Maybe): string {
  if (!isNumber(value)) return NOTHING;
  const percent = value * 100;
  if (percent > 99.9 && percent < 100) return `${(Math.floor(percent * 100) / 100).toFixed(2)} %`;
  return `${digits(Math.abs(percent) >= 10 ? Math.round(percent * 10) / 10 : percent)} %`;
}

/** The change between two values: `+12 %`, from a doubling on `×3.4`, and `new` if the earlier value is zero. */
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

/** Units in words, shown apart from the number. */
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

/** Significant digits of the exact value. Sampling is not more exact than this. */
const EXACT_DIGITS = 6;

/** The number without its unit from UNIT_NAMES; a share as a percentage. */
export function exactNumber(value: Maybe, unit: Unit = 'count'): string {
  if (!isNumber(value)) return 'no data';
  const rounded = Number.isInteger(value) ? value : Number(value.toPrecision(EXACT_DIGITS));
  if (unit === 'percent') return `${EXACT.format(Number((rounded * 100).toPrecision(EXACT_DIGITS)))} %`;
  return EXACT.format(rounded);
}

/** All significant digits, grouped, with the unit in words. */
export function exact(value: Maybe, unit: Unit = 'count'): string {
  return isNumber(value) ? `${exactNumber(value, unit)} ${UNIT_NAMES[unit]}`.trim() : 'no data';
}
