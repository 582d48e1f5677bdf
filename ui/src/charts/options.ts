/** What uPlot is told: axes, series, the brush, the shared cursor, the limit line. */
import type uPlot from 'uplot';
import type { Unit } from '../format/numbers';
import type { Zone } from '../format/time';
import { SHORTEST_SECONDS } from '../range/range';
import { timeLabels, valueLabels, valueSteps } from './axes';
import { AXIS, GRID, LIMIT, type Scheme } from './colors';
import type { Series } from './stack';

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
  series: Series[];
  onBrush: (from: number, to: number) => void;
  onBack: () => void;
  onCursor: (index: number | null, left: number, over: boolean) => void;
}

/** All charts of a page share their cursor under this name. */
const SYNC = 'page';

/** A limit far above the data would flatten it: it is drawn only up to this many times the data's peak. */
const LIMIT_REACH = 3;

const FONT = '11px "Inter Variable", system-ui, sans-serif';

export function buildOptions(input: Input): uPlot.Options {
  const { width, height, unit, zone, scheme, stack, limit, atLeast, floating, series } = input;
  const axis = { stroke: AXIS[scheme], font: FONT, ticks: { show: false }, grid: { stroke: GRID[scheme], width: 1 } };
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: {
      y: false,
      points: { show: !stack, size: 6 },
      drag: { x: true, y: false, setScale: false },
      // Synced charts follow the cursor, not the brush: the range itself is shared.
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
        size: 64,
        gap: 6,
        space: 32,
        incrs: valueSteps(unit),
        values: (_u, splits) => valueLabels(splits, unit),
      },
    ],
    series: [{}, ...series.map((entry) => line(entry, scheme, stack))],
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

/** Around the data with some air; a share never reaches beyond all. */
function floatingRange(min: number | null, max: number | null, unit: Unit): [number, number] {
  if (min === null || max === null) return [0, 1];
  const air = Math.max((max - min) * 0.15, Math.abs(max) * 0.0005);
  return [Math.max(0, min - air), unit === 'percent' ? Math.min(1, max + air) : max + air];
}

function follows(type: string): boolean {
  return type === 'mousemove' || type === 'mouseleave';
}

function line(entry: Series, scheme: Scheme, stack: boolean): uPlot.Series {
  const color = entry.color[scheme];
  return {
    label: entry.name,
    stroke: color,
    width: stack ? 0.75 : 1.5,
    ...(stack ? { fill: `${color}d9`, points: { show: false } } : { points: { size: 4 } }),
  };
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
  ctx.font = `${11 * ratio}px "Inter Variable", system-ui, sans-serif`;
  ctx.fillStyle = LIMIT[scheme];
  ctx.textAlign = 'right';
  ctx.textBaseline = 'bottom';
  ctx.fillText(limit.name, bbox.left + bbox.width - 4 * ratio, y - 2 * ratio);
  ctx.restore();
}

/** A date whose local fields read as UTC: uPlot finds its splits on them. */
function asUtc(ts: number): Date {
  const date = new Date(ts * 1000);
  return new Date(ts * 1000 + date.getTimezoneOffset() * 60_000);
}
