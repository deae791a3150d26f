import { isGap, type Point, type TelemetryPayload } from "../telemetry";
import { BAND, type Curve } from "./curves";

/** A curve's values beside the shared times: `null` where there is none. */
export type Column = (number | null)[];

/** The curves as uPlot takes them. */
export interface Columns {
  /** Unix time, s. */
  times: number[];
  /** By the key of the curve, and the band's ends. */
  values: ReadonlyMap<string, Column>;
}

type Read = (sample: TelemetryPayload) => number | undefined;

/** The points as columns. Where samples are missing, an empty row breaks the curves. */
export function toColumns(points: readonly Point[], curves: readonly Curve[], intervalMs: number | null): Columns {
  const times: number[] = [];
  const readers = readersOf(curves).map(([key, read]) => ({ key, read, column: [] as Column }));
  let before: Point | undefined;
  for (const point of points) {
    if (before !== undefined && isGap(before, point, intervalMs)) {
      times.push((before.timeMs + point.timeMs) / 2_000);
      for (const { column } of readers) column.push(null);
    }
    times.push(point.timeMs / 1_000);
    for (const { read, column } of readers) column.push(read(point.sample) ?? null);
    before = point;
  }
  return { times, values: new Map(readers.map(({ key, column }) => [key, column])) };
}

function readersOf(curves: readonly Curve[]): [string, Read][] {
  const readers = curves.map(({ key, read }): [string, Read] => [key, read]);
  if (!curves.some(({ key }) => key === "soc")) return readers;
  return [...readers, [BAND.low, ({ battery }) => battery.soc_low], [BAND.high, ({ battery }) => battery.soc_high]];
}

/** The first index whose time is at least `seconds`. */
export function indexFrom(times: readonly number[], seconds: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Infinity) < seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Smallest and largest value of a column between two times; `null` if it has none there. */
export function extent(
  column: Column,
  times: readonly number[],
  [from, to]: readonly [number, number],
): { min: number; max: number } | null {
  let [min, max] = [Infinity, -Infinity];
  for (let i = indexFrom(times, from); i < column.length && (times[i] ?? Infinity) <= to; i += 1) {
    const value = column[i];
    if (value === null || value === undefined) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min <= max ? { min, max } : null;
}

/** The index of the time nearest to `seconds`, if it is within `reach` of it. */
export function nearest(times: number[], seconds: number, reach: number): number | null {
  const low = indexFrom(times, seconds);
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
