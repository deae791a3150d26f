import uPlot from "uplot";
import { decimal } from "../format";

/** What a canvas cannot take from the style sheet by itself. */
interface Inks {
  text: string;
  grid: string;
  font: string;
}

/** A chart in `element`, and from then on as large as it is. `stop` takes it away. */
export function mountPlot(
  element: HTMLElement,
  options: Omit<uPlot.Options, "width" | "height">,
  data: uPlot.AlignedData,
): { chart: uPlot; stop: () => void } {
  const chart = new uPlot({ ...options, ...sizeOf(element) }, data, element);
  const resized = new ResizeObserver(() => chart.setSize(sizeOf(element)));
  resized.observe(element);
  return {
    chart,
    stop: () => {
      resized.disconnect();
      chart.destroy();
    },
  };
}

/** The time axis below a chart. */
export function timeAxis({ text, font, grid }: Inks, rest: uPlot.Axis): uPlot.Axis {
  return { stroke: text, font, gap: 6, grid: { stroke: grid, width: 1 }, ticks: { show: false }, ...rest };
}

/** The axis of the values, left of a chart. */
export function valueAxis(inks: Inks, rest: uPlot.Axis): uPlot.Axis {
  return timeAxis(inks, { gap: 8, ...rest });
}

/** Marks of an axis with the decimals that tell neighbours apart. */
export function axisNumbers(values: readonly number[], step: number): string[] {
  const isWhole = (digits: number) => Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) < 1e-6;
  const digits = [0, 1, 2].find(isWhole) ?? 3;
  return values.map((value) => decimal(value, digits));
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: element.clientWidth, height: element.clientHeight };
}
