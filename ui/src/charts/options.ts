/** The options of uPlot: axes, series, brush, shared cursor, limit line. */
import type uPlot from 'uplot';
import type { Unit } from '../format/numbers';
import type { Zone } from '../format/time';
import { SHORTEST_SECONDS } from '../range/range';
import { timeLabels, valueLabels, valueSteps } from './axes';
import { AXIS, GRID, LIMIT, PLATE, type Scheme } from './colors';
import type { Series } from './stack';
import { steppedPaths } from './uplot';

export interface Limit {
  value: number;
  name: string;
}

interface Input {
  width: number;
  height: number;
  unit: Unit;
  zone: Zone;
  scheme: Scheme;
  stack: boolean;
  limit: Limit | undefined;
  atLeast: number | undefined;
  floating: boolean;
  steps: boolean;
  series: Series[];
  onBrush: (from: number, to: number) => void;
  onBack: () => void;
  onCursor: (index: number | null, left: number, over: boolean) => void;
}

/** Above this height in px, axis labels have more distance. */
const TALL = 200;

/** The name of the cursor that all charts of a page share. */
const SYNC = 'page';

/** A limit above this many times the data's peak is not drawn, since it would flatten the data. */
const LIMIT_REACH = 3;

const FONT = '11px "Inter Variable", system-ui, sans-serif';

export function buildOptions(input: Input): uPlot.Options {
  const { width, height, unit, zone, scheme, stack, limit, atLeast, floating, steps, series } = input;
  const axis = { stroke: AXIS[scheme], font: FONT, ticks: { show: false }, grid: { stroke: GRID[scheme], width: 1 } };
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 20, 0, 0],
    cursor: {
      y: false,
      points: { show: !stack, size: 6 },
      drag: { x: true, y: false, setScale: false },
      // Charts share the cursor. They do not share the brush, since the brush sets the range of all charts.
      sync: { key: SYNC, setSeries: false, filters: { pub: follows, sub: follows } },
      bind: {
        dblclick: () => () => {
          input.onBack();
          return null;
        },
      },
    },
    scales: {
      x: { time: true },
      y: {
        range: (_u, min, max) => {
          if (floating) return floatingRange(min, max, unit);
          let top = Math.max(max ?? 0, atLeast ?? 0);
          if (limit && top > 0 && limit.value <= top * LIMIT_REACH) top = Math.max(top, limit.value);
          return [0, top > 0 ? top * 1.05 : 1];
        },
      },
    },
    tzDate: (ts) => (zone === 'utc' ? asUtc(ts) : new Date(ts * 1000)),
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        gap: 4,
        space: 70,
        values: (_u, splits, _axis, _space, step) => timeLabels(splits, step, zone),
      },
      {
        ...axis,
        size: labelWidth,
        gap: 6,
        space: height > TALL ? 40 : 26,
        incrs: valueSteps(unit),
        values: (_u, splits, _axis, _space, step) => valueLabels(splits, unit, step),
      },
    ],
    series: [{}, ...series.map((entry) => line(entry, scheme, stack, steps))],
    ...(stack ? { bands: bandsOf(series, scheme) } : {}),
    hooks: {
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          const from = u.posToVal(u.select.left, 'x');
          const to = u.posToVal(u.select.left + u.select.width, 'x');
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          if (to - from >= SHORTEST_SECONDS / 2) input.onBrush(from, to);
        },
      ],
      setCursor: [(u) => input.onCursor(u.cursor.idx ?? null, u.cursor.left ?? 0, (u.cursor.left ?? -1) >= 0)],
      ...(limit ? { draw: [(u: uPlot) => drawLimit(u, limit, scheme)] } : {}),
    },
  };
}

/** The axis of a ratio spans at least two percentage points, so that noise looks small. */
const LEAST_SPAN = 0.02;

/** The data's range with a margin; a share never goes above 100 %. */
function floatingRange(min: number | null, max: number | null, unit: Unit): [number, number] {
  if (min === null || max === null) return [0, 1];
  const air = Math.max((max - min) * 0.15, unit === 'percent' ? (LEAST_SPAN - (max - min)) / 2 : Math.abs(max) * 0.01);
  return [Math.max(0, min - air), unit === 'percent' ? Math.min(1, max + air) : max + air];
}

function follows(type: string): boolean {
  return type === 'mousemove' || type === 'mouseleave';
}

function line(entry: Series, scheme: Scheme, stack: boolean, steps: boolean): uPlot.Series {
  const color = entry.color[scheme];
  return {
    label: entry.name,
    stroke: color,
    // A stack has no outlines, so that a layer of zero height is invisible.
    width: stack ? 0 : 1.5,
    ...(steps ? { paths: steppedPaths() } : {}),
    ...(stack
      ? { fill: `${color}d9`, points: { show: false } }
      : { points: { size: 4, space: 24, fill: color, filter: lonely } }),
  };
}

/** Points that are drawn as dots on a dense line: those without a neighbour, which have no line. */
function lonely(u: uPlot, s: number, show: boolean): number[] | null {
  if (show) return null;
  const values = u.data[s] ?? [];
  const alone: number[] = [];
  for (let i = 0; i < values.length; i += 1) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) alone.push(i);
  }
  return alone;
}

/** The width of the longest label. */
function labelWidth(_u: uPlot, values: string[] | null): number {
  const longest = Math.max(0, ...(values ?? []).map((value) => value.length));
  return Math.max(34, longest * 6.2 + 12);
}

function bandsOf(series: Series[], scheme: Scheme): uPlot.Band[] {
  return series.slice(1).map((entry, i) => ({ series: [i + 2, i + 1], fill: `${entry.color[scheme]}d9` }));
}

function drawLimit(u: uPlot, limit: Limit, scheme: Scheme): void {
  const max = u.scales.y?.max ?? 0;
  if (limit.value > max) return;
  const { ctx, bbox } = u;
  const y = Math.round(u.valToPos(limit.value, 'y', true)) + 0.5;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = LIMIT[scheme];
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 4 * ratio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `500 ${11 * ratio}px "Inter Variable", system-ui, sans-serif`;
  // A background for the text, so that it is readable on every colour of the stack.
  const width = ctx.measureText(limit.name).width + 10 * ratio;
  ctx.fillStyle = PLATE[scheme];
  ctx.fillRect(bbox.left + bbox.width - width, y - 17 * ratio, width, 16 * ratio);
  ctx.fillStyle = LIMIT[scheme];
  ctx.textAlign = 'right';
  ctx.textBaseline = 'bottom';
  ctx.fillText(limit.name, bbox.left + bbox.width - 5 * ratio, y - 3 * ratio);
  ctx.restore();
}

/** A date whose local fields have the UTC values, since uPlot places its ticks by local fields. */
function asUtc(ts: number): Date {
  const date = new Date(ts * 1000);
  return new Date(ts * 1000 + date.getTimezoneOffset() * 60_000);
}
