/** Bins: the equal parts of a range. Each bin is one point of a chart. */

/** A range in epoch seconds, and the length of the bins that divide the range. */
export interface Window {
  from: number;
  to: number;
  /** Seconds. */
  bin: number;
}

/** The most points of a chart. More points cost time and are not visible. */
export const MAX_POINTS = 300;

/** Bin lengths: divisors and multiples of a day. From one minute on, each is a multiple of 10 s, 30 s and 60 s. */
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
