/** The legend's values and the tooltip at the cursor. Plain DOM, since this runs on every mouse move. */
import { exactNumber, formatUnit, UNIT_NAMES, type Unit } from '../format/numbers';
import { formatMoment, type Zone } from '../format/time';
import type { Scheme } from './colors';
import { OVERALL_NAMES, type Overall, type Series } from './stack';

/** Writes the values at the cursor into the legend; without a cursor, the figures of the range. The caption names which. */
export function updateLegend(
  list: HTMLUListElement | null,
  { series, unit, overall }: { series: Series[]; unit: Unit; overall: Overall },
  index: number | null,
): void {
  if (!list) return;
  const caption = list.querySelector<HTMLElement>('[data-caption]');
  if (caption) caption.textContent = index === null ? OVERALL_NAMES[overall] : 'at the cursor';
  const cells = list.querySelectorAll<HTMLElement>('[data-value]');
  series.forEach((entry, i) => {
    const cell = cells[i];
    if (!cell) return;
    const value = index === null ? entry.overall : (entry.values[index] ?? null);
    cell.textContent = formatUnit(value, unit);
  });
}

interface Drawn {
  series: Series[];
  times: number[];
  unit: Unit;
  zone: Zone;
  scheme: Scheme;
  stack: boolean;
}

/** Distance between the cursor and the tooltip, in px. */
const APART = 20;

/** Up to this many series, the tooltip lists all of them; above it, only those that are not zero. */
const ALWAYS_NAMED = 4;

export function updateTip(
  tip: HTMLElement | null,
  drawn: Drawn,
  index: number | null,
  left: number,
  show: boolean,
): void {
  if (!tip) return;
  const { series, times, unit, zone, stack } = drawn;
  const t = index === null ? undefined : times[index];
  tip.hidden = !show || t === undefined;
  if (tip.hidden || index === null || t === undefined) return;

  const values = series.map((entry) => entry.values[index] ?? null);
  const known = values.filter((value) => value !== null);
  tip.replaceChildren(title(formatMoment(t, zone), UNIT_NAMES[unit]));
  if (known.length === 0) {
    tip.append(row('no data', '', null));
  } else {
    // In the order of the stack, the top series first.
    for (let i = series.length - 1; i >= 0; i -= 1) {
      const entry = series[i];
      const value = values[i] ?? null;
      if (!entry || (series.length > ALWAYS_NAMED && !value)) continue;
      tip.append(row(entry.name, exactNumber(value, unit), entry.color[drawn.scheme]));
    }
    if (stack && known.length > 1 && unit !== 'percent') {
      const total = row(
        'total',
        exactNumber(
          known.reduce((sum, value) => sum + value, 0),
          unit,
        ),
        null,
      );
      total.dataset.total = 'true';
      tip.append(total);
    }
  }
  place(tip, left);
}

function title(moment: string, unit: string): HTMLElement {
  const head = document.createElement('strong');
  head.textContent = moment;
  if (unit) {
    const small = document.createElement('small');
    small.textContent = unit;
    head.append(small);
  }
  return head;
}

function row(name: string, value: string, color: string | null): HTMLElement {
  const line = document.createElement('span');
  const swatch = document.createElement('i');
  if (color) swatch.style.background = color;
  const label = document.createElement('em');
  label.textContent = name;
  const number = document.createElement('b');
  number.textContent = value;
  line.append(swatch, label, number);
  return line;
}

/** Places the tooltip beside the cursor, on the side with more space. */
function place(tip: HTMLElement, left: number): void {
  const plot = tip.parentElement?.querySelector<HTMLElement>('.u-over');
  const width = tip.parentElement?.clientWidth ?? 0;
  const x = (plot?.offsetLeft ?? 0) + left;
  tip.style.left = x < width / 2 ? `${x + APART}px` : 'auto';
  tip.style.right = x < width / 2 ? 'auto' : `${width - x + APART}px`;
}
