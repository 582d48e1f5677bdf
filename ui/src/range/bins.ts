/** Bins: how a range is cut so that a chart has enough points and no more. */

/** A range in epoch seconds, and the length of the bins that divide the range. */
export interface Window {
  from: number;
  to: number;
  /** Seconds. */
  bin: number;
}

/** Points a chart holds at most: more than a screen can tell apart costs time and shows nothing. */
export const MAX_POINTS = 300;

/** Whole divisors of a day, and each from a minute on a multiple of the usual intervals (10 s, 30 s, 60 s). */
const STEPS = [10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];

/** The shortest bin that keeps the range within `points` and holds at least one snapshot. */
export function chooseBin(seconds: number, interval: number, points = MAX_POINTS): number {
  const least = Math.max(seconds / points, interval);
  return STEPS.find((step) => step >= least && step % interval === 0) ?? Math.ceil(least / 604_800) * 604_800;
}

/** The starts of the window's bins. */
export function timeline(window: Window): number[] {
  const times: number[] = [];
  const first = Math.floor(window.from / window.bin) * window.bin;
  for (let t = first; t < window.to; t += window.bin) times.push(t);
  return times;
}
