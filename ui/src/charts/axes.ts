/** Axis labels and steps: times in the chosen zone, values in the chart's unit, binary steps for bytes. */
import { formatUnit, type Unit } from '../format/numbers';
import { formatClock, formatDay, type Zone } from '../format/time';

/** Labels of the time axis: the clock, or the day at the start of a day and for steps of days. */
export function timeLabels(splits: number[], step: number, zone: Zone): string[] {
  let lastDay = '';
  return splits.map((t, i) => {
    const day = formatDay(t, zone);
    const turned = day !== lastDay && i > 0;
    lastDay = day;
    if (step >= 86_400) return day;
    return turned ? day : formatClock(t, zone, step < 60);
  });
}

export function valueLabels(splits: number[], unit: Unit, step: number): string[] {
  if (unit === 'percent') {
    const digits = Math.max(0, Math.ceil(-Math.log10(step * 100) - 1e-9));
    return splits.map((value) => `${(value * 100).toFixed(digits)} %`);
  }
  return splits.map((value) => formatUnit(value, unit));
}

const DECIMAL_STEPS = [1, 2, 2.5, 5].flatMap((m) => Array.from({ length: 22 }, (_, e) => m * 10 ** (e - 6)));
const BINARY_STEPS = Array.from({ length: 52 }, (_, e) => 2 ** e);
const COUNT_STEPS = DECIMAL_STEPS.filter((step) => step >= 1 && Number.isInteger(step));

/** Without 2.5, since quarters of a percent need two decimal places. */
const PERCENT_STEPS = [1, 2, 5].flatMap((m) => Array.from({ length: 8 }, (_, e) => m * 10 ** (e - 6)));

const STEPS: Partial<Record<Unit, number[]>> = {
  bytes: BINARY_STEPS,
  bytes_per_second: BINARY_STEPS,
  count: COUNT_STEPS,
  percent: PERCENT_STEPS,
};

/** The allowed steps of a value axis, ascending. */
export function valueSteps(unit: Unit): number[] {
  return [...(STEPS[unit] ?? DECIMAL_STEPS)].sort((a, b) => a - b);
}
