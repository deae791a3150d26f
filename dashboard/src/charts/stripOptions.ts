import type uPlot from "uplot";
import { moment } from "../format";
import type { Columns } from "./columns";
import { BAND, type Curve } from "./curves";
import { axisNumbers, timeAxis, valueAxis } from "./plot";
import { valueRange } from "./quantity";
import type { ChartTheme } from "./useChartTheme";

/** The columns of a curve, in the order of the series of {@link stripOptions}. */
export function stripData({ key }: Curve, { times, values }: Columns): uPlot.AlignedData {
  const column = (name: string) => values.get(name) ?? [];
  return key === "soc" ? [times, column("soc"), column(BAND.high), column(BAND.low)] : [times, column(key)];
}

interface Callbacks {
  /** The pointer is there, px from the left; `null` when it has left. */
  onPoint: (chart: uPlot, left: number | null) => void;
  /** A span was marked, Unix s. */
  onSelect: (from: number, to: number) => void;
}

/** How uPlot draws a curve. */
export function stripOptions(
  curve: Curve,
  theme: ChartTheme,
  withTimes: boolean,
  { onPoint, onSelect }: Callbacks,
): Omit<uPlot.Options, "width" | "height"> {
  const color = theme.color(curve.color);
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  return {
    padding: [8, 12, withTimes ? 0 : 8, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      // The band's edges get no mark of their own.
      points: { size: (_, series) => (series === 1 ? 7 : 0), stroke: color, fill: color },
    },
    scales: {
      x: { time: true, auto: false },
      y: { range: (_, min, max) => valueRange(curve, min, max) },
    },
    series: [
      {},
      {
        stroke: color,
        width: 1.6,
        points: { show: false, size: 4, fill: color, filter: (chart, series) => lonely(chart, series) },
        ...(curve.signed && { fill: `${color}22`, fillTo: 0 }),
      },
      ...(curve.key === "soc" ? [edge, edge] : []),
    ],
    ...(curve.key === "soc" && { bands: [{ series: [2, 3] as [number, number], fill: theme.color("soc-band") }] }),
    axes: [
      timeAxis(theme, {
        show: true,
        size: withTimes ? 26 : 0,
        space: 72,
        values: (_, times) => times.map((time) => (withTimes ? axisTime(time * 1_000, times) : "")),
      }),
      valueAxis(theme, {
        size: 52,
        space: 22,
        // An axis of nothing would be made up.
        values: (chart, values, __, ___, step) => (hasValues(chart) ? axisNumbers(values, step) : []),
      }),
    ],
    hooks: {
      setCursor: [
        (chart) => {
          const { left } = chart.cursor;
          onPoint(chart, left === undefined || left === null || left < 0 ? null : left);
        },
      ],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width < 8) return;
          onSelect(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** A sample between two gaps has no line to be part of: it is drawn as a point. */
function lonely(chart: uPlot, series: number): number[] | null {
  const column = chart.data[series] ?? [];
  const [from, to] = chart.series[0]?.idxs ?? [0, -1];
  const alone: number[] = [];
  for (let i = from; i <= to; i += 1) {
    const known = column[i] !== null && column[i] !== undefined;
    if (known && (column[i - 1] ?? null) === null && (column[i + 1] ?? null) === null) alone.push(i);
  }
  return alone.length > 0 ? alone : null;
}

/** Whether there is anything to see between the ends of the time axis. */
function hasValues(chart: uPlot): boolean {
  const [from, to] = chart.series[0]?.idxs ?? [0, -1];
  return chart.data.slice(1).some((column) => {
    for (let i = from; i <= to; i += 1) if (column[i] !== null && column[i] !== undefined) return true;
    return false;
  });
}

/** With seconds where the marks are closer than a minute. */
function axisTime(timeMs: number, times: readonly number[]): string {
  const step = (times[1] ?? Infinity) - (times[0] ?? 0);
  return moment(timeMs, timeMs, step < 60);
}
