/** uPlot itself, with its style sheet, in one place. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export function createPlot(options: uPlot.Options, data: uPlot.AlignedData, target: HTMLElement): uPlot {
  return new uPlot(options, data, target);
}
