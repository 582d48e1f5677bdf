/** uPlot itself, with its style sheet, in one place. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

/** Each value holds to the end of its bin: for things that are counted. */
export function steppedPaths(): uPlot.Series.PathBuilder {
  const build = uPlot.paths.stepped?.({ align: 1 });
  if (!build) throw new Error('uPlot was built without stepped paths');
  return build;
}

export function createPlot(options: uPlot.Options, data: uPlot.AlignedData, target: HTMLElement): uPlot {
  return new uPlot(options, data, target);
}
