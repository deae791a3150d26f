import type uPlot from "uplot";
import { decimal, moment } from "../format";
import { axisRange, type ChartData } from "./chartData";
import type { ChartTheme } from "./useChartTheme";

/** What one strip shows. */
export interface Strip {
  key: "voltage" | "current" | "soc";
  title: string;
  unit: string;
  digits: number;
  /** The axis never spans less than this, in the unit. */
  floor: number;
  /** The axis never leaves these. */
  limits?: readonly [number, number];
  /** Draw the area between the curve and zero. */
  fromZero?: boolean;
}

export const STRIPS: readonly Strip[] = [
  { key: "voltage", title: "Voltage", unit: "V", digits: 3, floor: 0.4 },
  { key: "current", title: "Current", unit: "A", digits: 2, floor: 2, fromZero: true },
  { key: "soc", title: "State of charge", unit: "%", digits: 1, floor: 4, limits: [0, 100] },
];

/** The columns of a strip, in the order of the series of {@link stripOptions}. */
export function stripData(strip: Strip, data: ChartData): uPlot.AlignedData {
  return strip.key === "soc"
    ? [data.times, data.soc, data.socHigh, data.socLow]
    : [data.times, data[strip.key]];
}

interface Callbacks {
  /** The span of the time axis, Unix time, s. */
  span: () => readonly [number, number];
  /** The pointer is that many seconds before the end of the span; `null` when it has left. */
  onCursor: (ago: number | null) => void;
}

/** How uPlot draws a strip. */
export function stripOptions(
  strip: Strip,
  theme: ChartTheme,
  withTimes: boolean,
  { span, onCursor }: Callbacks,
): Omit<uPlot.Options, "width" | "height"> {
  const color = theme[strip.key];
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  return {
    padding: [8, 12, withTimes ? 0 : 8, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      // The band's edges get no mark of their own.
      points: { size: (_, series) => (series === 1 ? 7 : 0), stroke: color, fill: color },
    },
    scales: {
      x: { time: true, range: () => [...span()] },
      y: { range: (_, min, max) => yRange(strip, min, max) },
    },
    series: [
      {},
      {
        stroke: color,
        width: 1.6,
        points: { show: false },
        ...(strip.fromZero && { fill: `${color}22`, fillTo: 0 }),
      },
      ...(strip.key === "soc" ? [edge, edge] : []),
    ],
    ...(strip.key === "soc" && { bands: [{ series: [2, 3] as [number, number], fill: theme.socBand }] }),
    axes: [
      {
        show: true,
        stroke: theme.text,
        font: theme.font,
        size: withTimes ? 26 : 0,
        gap: 6,
        space: 72,
        grid: { stroke: theme.grid, width: 1 },
        ticks: { show: false },
        values: (_, times) => times.map((time) => (withTimes ? moment(time * 1_000, time * 1_000) : "")),
      },
      {
        stroke: theme.text,
        font: theme.font,
        size: 52,
        gap: 8,
        space: 26,
        grid: { stroke: theme.grid, width: 1 },
        ticks: { show: false },
        values: (_, values, __, ___, step) => values.map((value) => decimal(value, digitsOf(step))),
      },
    ],
    hooks: {
      setCursor: [
        (chart) => {
          const { left } = chart.cursor;
          const outside = left === undefined || left === null || left < 0;
          onCursor(outside ? null : span()[1] - chart.posToVal(left, "x"));
        },
      ],
    },
  };
}

/** The decimals that tell neighbours apart on an axis with this step. */
function digitsOf(step: number): number {
  const isWhole = (digits: number) => Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) < 1e-6;
  return [0, 1, 2].find(isWhole) ?? 3;
}

function yRange(strip: Strip, min: number | null, max: number | null): [number, number] {
  // Without any value uPlot passes null.
  if (min === null || max === null) return [0, strip.floor];
  const zero = strip.fromZero === true;
  const data = zero ? { min: Math.min(min, 0), max: Math.max(max, 0) } : { min, max };
  return axisRange(data, strip.floor, strip.limits);
}
