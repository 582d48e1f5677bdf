/**
 * The chart of all pages: lines or a stack over time, drawn by uPlot. A legend entry isolates its series, the cursor is shared
 * with the page's other charts, and a brush sets the page's range. Gaps stay gaps, and a chart without data says so.
 */
import { useComputedColorScheme } from '@mantine/core';
import { type ReactNode, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type uPlot from 'uplot';
import { formatUnit, type Unit } from '../format/numbers';
import type { Window } from '../range/bins';
import { useRange, useZone } from '../range/RangeProvider';
import { updateLegend, updateTip } from './cursor';
import { Legend } from './Legend';
import { buildOptions, type Limit } from './options';
import { hasData, OVERALL_NAMES, type Overall, peak, type Series, stacked, visible } from './stack';
import classes from './TimeChart.module.css';
import { createPlot } from './uplot';

export interface TimeChartProps {
  title: string;
  unit: Unit;
  /** Words after the title, such as an explanation of the unit. */
  subtitle?: string | undefined;
  times: number[];
  series: Series[];
  window: Window;
  /** The kind of the legend's figures. */
  overall: Overall;
  stack?: boolean;
  /** A horizontal line with a name, such as the number of CPUs. */
  limit?: Limit | undefined;
  height?: number;
  /** The least upper end of the y axis. */
  atLeast?: number;
  /** Heading level of the title. */
  level?: 2 | 3;
  /** The y axis can start above zero. */
  floating?: boolean;
  /** Draws each value as a step over its whole bin. For counts. */
  steps?: boolean;
  action?: ReactNode;
  emptyText?: string | undefined;
}

export function TimeChart(props: TimeChartProps) {
  const {
    title,
    unit,
    subtitle,
    times,
    series,
    window,
    overall,
    stack = false,
    limit,
    height = 180,
    atLeast,
    floating = false,
    steps = false,
    action,
  } = props;
  const scheme = useComputedColorScheme('light');
  const { brush, back } = useRange();
  const [zone] = useZone();
  const [isolated, setIsolated] = useState<string | null>(null);
  const { ref, width } = useWidth();
  const canvas = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const legend = useRef<HTMLUListElement>(null);

  const shown = useMemo(() => visible(series, isolated), [series, isolated]);
  const filled = hasData(series);
  const data = useMemo<uPlot.AlignedData>(
    () => [times, ...(stack ? stacked(shown) : shown.map((entry) => entry.values))],
    [times, shown, stack],
  );

  // The cursor reads this through a ref, so that new data does not rebuild the plot.
  const live = useRef({ shown, series, times, unit, zone, overall });
  live.current = { shown, series, times, unit, zone, overall };

  const handlers = useRef({ brush, back });
  handlers.current = { brush, back };

  const shape = shown.map((entry) => `${entry.name}:${entry.color[scheme]}`).join('|');

  // biome-ignore lint/correctness/useExhaustiveDependencies: a change of shape rebuilds the plot; data and size are set below
  useLayoutEffect(() => {
    const target = canvas.current;
    if (!target || !filled || width === 0) return undefined;
    const options = buildOptions({
      width,
      height,
      unit,
      zone,
      scheme,
      stack,
      limit,
      // An isolated series gets its own scale.
      atLeast: shown.length < series.length ? undefined : atLeast,
      floating,
      steps,
      series: shown,
      onBrush: (from, to) => handlers.current.brush(from, to),
      onBack: () => handlers.current.back(),
      onCursor: (index, left, over) => {
        const { shown: drawn, times: at, unit: u, zone: z } = live.current;
        updateLegend(legend.current, live.current, index);
        updateTip(
          tip.current,
          { series: drawn, times: at, unit: u, zone: z, scheme, stack },
          index,
          left,
          over && target.matches(':hover'),
        );
      },
    });
    const chart = createPlot(options, data, target);
    plot.current = chart;
    return () => {
      plot.current = null;
      chart.destroy();
    };
  }, [
    shape,
    scheme,
    zone,
    unit,
    stack,
    filled,
    height,
    limit?.value,
    limit?.name,
    atLeast,
    floating,
    steps,
    width === 0,
  ]);

  useLayoutEffect(() => plot.current?.setSize({ width, height }), [width, height]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a rebuilt plot needs its data and scale again
  useLayoutEffect(() => {
    const chart = plot.current;
    if (!chart) return;
    chart.batch(() => {
      chart.setData(data, false);
      chart.setScale('x', { min: window.from, max: window.to });
    });
  }, [data, window.from, window.to, shape, scheme, zone, filled, width === 0]);

  const Heading = props.level === 2 ? 'h2' : 'h3';
  const max = peak(series, stack);
  const description = filled
    ? `${title}: ${series.map((entry) => `${entry.name} ${formatUnit(entry.overall, unit)}`).join(', ')} (${OVERALL_NAMES[overall]}); peak ${formatUnit(max, unit)}.`
    : `${title}: no data in this range.`;

  return (
    <div className={classes.chart} data-chart={title}>
      <header className={classes.header}>
        <Heading className={classes.title}>{title}</Heading>
        {subtitle ? <span className={classes.subtitle}>{subtitle}</span> : null}
        {action ? <div className={classes.action}>{action}</div> : null}
      </header>
      <div ref={ref} className={classes.body} style={{ height }}>
        {filled ? (
          <>
            <div ref={canvas} role="img" aria-label={description} />
            <div ref={tip} className={classes.tip} hidden />
          </>
        ) : (
          <p className={classes.empty}>{props.emptyText ?? 'No data in this range'}</p>
        )}
      </div>
      {filled ? (
        <Legend
          ref={legend}
          series={series}
          unit={unit}
          overall={overall}
          scheme={scheme}
          isolated={isolated}
          onIsolate={setIsolated}
        />
      ) : null}
    </div>
  );
}

/** The element's width, measured before the first paint, so that the first frame has the chart. */
function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const measure = () => setWidth(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}
