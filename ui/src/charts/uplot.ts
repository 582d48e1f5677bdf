/** uPlot with its style sheet. No other file creates a plot. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

/** Paths that draw each value as a step over its whole bin. For counts. */
export function steppedPaths(): uPlot.Series.PathBuilder {
  const build = uPlot.paths.stepped?.({ align: 1 });
  if (!build) throw new Error('This build of uPlot has no stepped paths');
  return build;
}

export function createPlot(options: uPlot.Options, data: uPlot.AlignedData, target: HTMLElement): uPlot {
  return new uPlot(options, data, target);
}
