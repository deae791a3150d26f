import { expect, test } from "vitest";
import { axisRange, extent, nearest, toColumns } from "../src/charts/columns";
import { CURVES } from "../src/charts/curves";
import { isGap, Series, toTelemetry, usualIntervalMs, type Point } from "../src/telemetry";
import { sample } from "./server";

const at = (seq: number, timeMs: number, change = {}): Point => ({ timeMs, sample: toTelemetry(sample(seq, change)) });
const without = { boot_id: undefined, seq: undefined };

test("samples are kept in order of time, each once", () => {
  const series = new Series();
  for (const seq of [1, 4, 2, 3, 2, 4]) series.add(at(seq, 0).sample, seq * 1_000);
  expect(series.snapshot().map((point) => point.sample.seq)).toEqual([1, 2, 3, 4]);
});

test("a dropped sample may come again", () => {
  const series = new Series();
  for (const seq of [1, 2, 3]) series.add(at(seq, 0).sample, seq * 1_000);
  series.dropBefore(2_000);
  expect(series.snapshot().map((point) => point.sample.seq)).toEqual([2, 3]);
  expect(series.add(at(1, 0).sample, 1_000)).toBe(true);
});

test("a snapshot does not change with the series", () => {
  const series = new Series();
  series.add(at(1, 0).sample, 1_000);
  const before = series.snapshot();
  expect(series.snapshot()).toBe(before);
  series.add(at(2, 0).sample, 2_000);
  expect(before).toHaveLength(1);
  expect(series.snapshot()).toHaveLength(2);
});

test("the number of points is bounded, and the newest stay", () => {
  const series = new Series();
  for (let seq = 0; seq < 18_010; seq += 1) series.add(at(seq, 0).sample, seq);
  expect(series.snapshot()).toHaveLength(18_000);
  expect(series.last?.sample.seq).toBe(18_009);
});

test("a missing number is a gap, however small the step", () => {
  expect(isGap(at(1, 0), at(2, 1_000), 1_000)).toBe(false);
  expect(isGap(at(1, 0), at(3, 2_000), 1_000)).toBe(true);
});

test("late but numbered without a hole is no gap", () => {
  expect(isGap(at(1, 0), at(2, 4_000), 1_000)).toBe(false);
});

test("without numbers a long step is a gap", () => {
  expect(isGap(at(0, 0, without), at(0, 2_400, without), 1_000)).toBe(false);
  expect(isGap(at(0, 0, without), at(0, 2_600, without), 1_000)).toBe(true);
  expect(isGap(at(0, 0, without), at(0, 20_000, without), 10_000)).toBe(false);
});

test("the usual interval is the median of the newest steps", () => {
  expect(usualIntervalMs([at(1, 0), at(2, 1_000)])).toBeNull();
  expect(usualIntervalMs([0, 1_000, 2_000, 62_000, 63_000].map((t, i) => at(i, t)))).toBe(1_000);
});

test("a gap breaks every curve, and a reading that failed breaks its own", () => {
  const lost = { battery: {}, system_status: { error_flags: ["SENSOR_LOST"] } };
  const { times, values } = toColumns([at(1, 1_000), at(2, 2_000, lost), at(5, 5_000)], CURVES, 1_000);
  expect(times).toEqual([1, 2, 3.5, 5]);
  expect(values.get("voltage")).toEqual([50.01, null, null, 50.05]);
  expect(values.get("soc-low")).toEqual([null, null, null, null]);
});

test("the power is worked out where a device does not tell it", () => {
  const { values } = toColumns([at(1, 0, { battery: { voltage: 50, current: -2, soc: 50 } })], CURVES, 1_000);
  expect(values.get("power")).toEqual([-100]);
});

test("a range is that of the span which is shown", () => {
  expect(extent([9, 1, 2, null, 7], [0, 1, 2, 3, 4], [1, 3])).toEqual({ min: 1, max: 2 });
  expect(extent([9, null], [0, 1], [1, 3])).toBeNull();
});

test("the cursor finds the nearest sample, and nothing inside a gap", () => {
  const times = [1, 2, 10, 11];
  expect(nearest(times, 1.6, 2)).toBe(1);
  expect(nearest(times, 6, 2)).toBeNull();
  expect(nearest(times, 99, 2)).toBeNull();
  expect(nearest([], 5, 2)).toBeNull();
});

test("an axis is never narrower than its floor, holds the curve, and keeps its limits", () => {
  const [low, high] = axisRange({ min: 53.2, max: 53.21 }, 0.4);
  expect(high - low).toBeGreaterThanOrEqual(0.4);
  expect(low).toBeLessThan(53.2);
  expect(high).toBeGreaterThan(53.21);
  expect(axisRange({ min: 97, max: 100 }, 4, [0, 100])[1]).toBe(100);
});
