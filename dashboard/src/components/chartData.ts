import { isGap, type Point, type TelemetryPayload } from "../telemetry";

/** A curve's values beside the shared times: `null` where there is none. */
export type Column = (number | null)[];

/** The curves as uPlot takes them. */
export interface ChartData {
  /** Unix time, s. */
  times: number[];
  voltage: Column;
  current: Column;
  soc: Column;
  socLow: Column;
  socHigh: Column;
}

type CurveName = Exclude<keyof ChartData, "times">;

const CURVES: Record<CurveName, (sample: TelemetryPayload) => number | undefined> = {
  voltage: ({ battery }) => battery.voltage,
  current: ({ battery }) => battery.current,
  soc: ({ battery }) => battery.soc,
  socLow: ({ battery }) => battery.soc_low,
  socHigh: ({ battery }) => battery.soc_high,
};

/** The points as columns. Where samples are missing, an empty row breaks the curves. */
export function toChartData(points: Point[], intervalMs: number | null): ChartData {
  const data: ChartData = { times: [], voltage: [], current: [], soc: [], socLow: [], socHigh: [] };
  const curves = Object.entries(CURVES) as [CurveName, (sample: TelemetryPayload) => number | undefined][];
  let before: Point | undefined;
  for (const point of points) {
    if (before !== undefined && isGap(before, point, intervalMs)) {
      data.times.push((before.timeMs + point.timeMs) / 2_000);
      for (const [name] of curves) data[name].push(null);
    }
    data.times.push(point.timeMs / 1_000);
    for (const [name, read] of curves) data[name].push(read(point.sample) ?? null);
    before = point;
  }
  return data;
}

/** Smallest, largest and last value of a column; `null` if it has none. */
export function extent(column: Column): { min: number; max: number } | null {
  let [min, max] = [Infinity, -Infinity];
  for (const value of column) {
    if (value === null) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min <= max ? { min, max } : null;
}

/** The index of the time nearest to `seconds`, if it is within `reach` of it. */
export function nearest(times: number[], seconds: number, reach: number): number | null {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Infinity) < seconds) low = middle + 1;
    else high = middle;
  }
  const distance = (i: number) => Math.abs((times[i] ?? Infinity) - seconds);
  const best = distance(low - 1) < distance(low) ? low - 1 : low;
  return distance(best) <= reach ? best : null;
}

/**
 * The range of an axis: what the curve needs and some air, never narrower than `floor`, so that noise does
 * not look like a mountain, and snapped to steps, so that the axis does not twitch with each sample.
 */
export function axisRange(
  { min, max }: { min: number; max: number },
  floor: number,
  limits: readonly [number, number] = [-Infinity, Infinity],
): [number, number] {
  const air = Math.max(0.08 * (max - min), (floor - (max - min)) / 2);
  const step = floor / 4;
  const low = Math.floor((min - air) / step) * step;
  const high = Math.ceil((max + air) / step) * step;
  return [Math.max(low, limits[0]), Math.min(high, limits[1])];
}
