/** The change of a measure against the range before. Pure. */
import type { Measure, QueryRow } from './queries.sql';

/** The least collected share of the range before. With less, the comparison has no value. */
const LEAST_COMPARABLE = 0.8;

/**
 * The measure of the range before, as if both ranges had the same collected seconds: a total grows with them, a mean does not.
 * Null if too little of the range before was collected.
 */
export function comparable(
  measure: Measure,
  { before, seconds, seconds_before }: Pick<QueryRow, 'before' | 'seconds' | 'seconds_before'>,
  length: number,
): number | null {
  if (seconds_before < length * LEAST_COMPARABLE) return null;
  return measure === 'mean' ? before : (before * seconds) / seconds_before;
}

/** The sort value of a change. New statements come before grown ones. */
export function growth(now: number | null, before: number | null): number | null {
  if (now === null || before === null) return null;
  if (before > 0) return now / before;
  return now > 0 ? Number.MAX_VALUE : 1;
}
