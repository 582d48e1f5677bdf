/** A small chart for table rows: an SVG path without axes. Its label has the peak. Gaps stay gaps. */
import { useComputedColorScheme } from '@mantine/core';
import { memo } from 'react';
import { formatUnit, type Unit } from '../format/numbers';
import { type Color, seriesColor } from './colors';

interface SparklineProps {
  values: (number | null)[];
  unit: Unit;
  color?: Color;
  width?: number;
  height?: number;
}

/** Path data for the line and for the area below it. */
export function sparkPaths(
  values: (number | null)[],
  width: number,
  height: number,
): { line: string; area: string; max: number } {
  const max = values.reduce<number>((top, value) => Math.max(top, value ?? 0), 0);
  const step = values.length > 1 ? width / (values.length - 1) : width;
  const y = (value: number) => (max > 0 ? height - 1 - (value / max) * (height - 2) : height - 1);
  let line = '';
  let area = '';
  let start = -1;
  const close = (end: number) => {
    // A point without neighbours is a line of length zero. Its round ends make it a dot.
    if (start >= 0 && end === start) line += `h0`;
    if (start >= 0) area += `L${round(end * step)} ${height}L${round(start * step)} ${height}Z`;
    start = -1;
  };
  values.forEach((value, i) => {
    if (value === null) {
      close(i - 1);
      return;
    }
    const point = `${round(i * step)} ${round(y(value))}`;
    line += start < 0 ? `M${point}` : `L${point}`;
    area += start < 0 ? `M${point}` : `L${point}`;
    if (start < 0) start = i;
  });
  close(values.length - 1);
  return { line, area, max };
}

const round = (value: number) => Math.round(value * 10) / 10;

export const Sparkline = memo(function Sparkline({
  values,
  unit,
  color = seriesColor(0),
  width = 96,
  height = 22,
}: SparklineProps) {
  const scheme = useComputedColorScheme('light');
  const { line, area, max } = sparkPaths(values, width, height);
  if (!line) return <span title="no data">–</span>;
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`peak ${formatUnit(max, unit)}`}
    >
      <path d={area} fill={color[scheme]} fillOpacity={0.18} />
      <path
        d={line}
        fill="none"
        stroke={color[scheme]}
        strokeWidth={1.25}
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  );
});
