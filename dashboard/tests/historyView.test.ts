import { expect, test, vi } from "vitest";
import { toHistory } from "../src/api/history";
import { withEnds, withInterval } from "../src/pages/history/interval";
import { energyBars, energyText, fieldTable, withGaps } from "../src/pages/history/tables";
import { boundsOf, clampSpan, formatView, moved, parseView, type View } from "../src/pages/history/view";

// uPlot asks for the density of the screen when it is loaded, which jsdom has none of.
vi.hoisted(() => {
  globalThis.matchMedia ??= () => new EventTarget() as MediaQueryList;
});

const NOW = Date.parse("2026-05-10T12:00:00Z");
const DAY = 86_400_000;

test("a link restores the view it was made from", () => {
  const views: View[] = [
    { span: "7d", fields: ["battery.soc", "battery.power", "battery.voltage"], compare: null },
    { span: { fromMs: NOW - DAY, toMs: NOW }, fields: ["battery.current", "grid.power"], compare: "ems_002" },
  ];
  for (const view of views) expect(parseView(formatView(view))).toEqual(view);
});

test("what cannot be read of a link is as it is without it", () => {
  const usual = parseView("");
  for (const query of ["?span=2w", "?from=x&to=y", "?from=2026-02-02T00:00:00Z&to=2026-01-01T00:00:00Z", "?fields=a,b", "?with=<script>"]) {
    expect(parseView(query), query).toEqual(usual);
  }
});

test("a span that is counted from now ends now", () => {
  expect(boundsOf("24h", NOW)).toEqual({ fromMs: NOW - DAY, toMs: NOW });
  expect(boundsOf({ fromMs: 1, toMs: 2 }, NOW)).toEqual({ fromMs: 1, toMs: 2 });
});

test("zooming and moving keep to a minute and a year, and out of the future", () => {
  expect(moved({ fromMs: NOW - DAY, toMs: NOW }, 0.5, 1, NOW)).toEqual({ fromMs: NOW - DAY, toMs: NOW });
  expect(moved({ fromMs: NOW - DAY, toMs: NOW }, -0.5, 1, NOW)).toEqual({ fromMs: NOW - 1.5 * DAY, toMs: NOW - 0.5 * DAY });
  const smallest = clampSpan({ fromMs: NOW - 1_000, toMs: NOW }, NOW);
  expect(smallest.toMs - smallest.fromMs).toBe(60_000);
  const largest = clampSpan({ fromMs: NOW - 5_000 * DAY, toMs: NOW }, NOW);
  expect(largest.toMs - largest.fromMs).toBe(366 * DAY);
  expect(largest.toMs).toBeLessThanOrEqual(NOW);
});

test("a bucket that is not there breaks the curve", () => {
  const [times, values] = withGaps({ at: [0, 60_000, 240_000], stepMs: 60_000 }, [[1, 2, 3]]);
  expect(times).toEqual([30, 90, 150, 270]);
  expect(values).toEqual([1, 2, null, 3]);
});

const column = (...values: (number | null)[]) => ({ min: values, mean: values, max: values });

test("around a state of charge is all that it may have been, where the device tells it", () => {
  const told = history("a", [0, 60_000, 120_000]);
  const series = new Map([
    ["battery.soc", { ...column(50, 51, null), min: [49, 50, null], max: [51, 52, null] }],
    ["battery.soc_low", column(20, null, null)],
    ["battery.soc_high", column(90, null, null)],
  ]);
  expect(withInterval({ ...told, series }).series.get("battery.soc")).toEqual({ min: [20, 50, null], mean: [50, 51, null], max: [90, 52, null] });
  expect(withInterval(told).series).toEqual(told.series);
  expect(withEnds(["battery.soc"])).toHaveLength(3);
  expect(withEnds(["battery.power"])).toEqual(["battery.power"]);
});

test("two devices share one axis, and neither breaks the other's curve", () => {
  const table = fieldTable([history("a", [0, 60_000]), history("b", [60_000, 120_000])], "battery.soc");
  expect(table).toHaveLength(7);
  expect(table[0]).toEqual([30, 90, 150]);
  // Undefined is a place that only the other one has; null would be a gap.
  expect(table[3]).toEqual([50, 50, undefined]);
  expect(table[6]).toEqual([undefined, 50, 50]);
});

test("energy is summed by local days and months", () => {
  const midnight = new Date(2026, 2, 31).getTime();
  const at = [midnight - 3_600_000, midnight, midnight + 3_600_000, midnight + 25 * 3_600_000];
  const energy = { inWh: [1, 2, null, 4], outWh: [0, 10, 20, null] };
  expect(energyBars({ at, energy }, "day")).toEqual([
    { startMs: new Date(2026, 2, 30).getTime(), inWh: 1, outWh: 0 },
    { startMs: midnight, inWh: 2, outWh: 30 },
    { startMs: new Date(2026, 3, 1).getTime(), inWh: 4, outWh: 0 },
  ]);
  expect(energyBars({ at, energy }, "month").map(({ inWh }) => inWh)).toEqual([3, 4]);
});

test("energy is written in the unit that keeps it short", () => {
  expect([0, 999, 1_000, 123_456, 2_500_000].map(energyText)).toEqual(["0 Wh", "999 Wh", "1.00 kWh", "123.5 kWh", "2.50 MWh"]);
});

test("an answer that is no history is refused, and a hostile number in it is no value", () => {
  expect(() => toHistory({ at: "x" })).toThrow(/form/);
  expect(() => toHistory({ ...answer("a", [0]), step_ms: 0 })).toThrow(/form/);
  const odd = { ...answer("a", [0, 60_000]), series: { "battery.soc": { min: ["1", 2], mean: null, max: [null] } } };
  const series = toHistory(odd).series.get("battery.soc");
  expect(series).toEqual({ min: [null, 2], mean: [null, null], max: [null, null] });
});

function answer(id: string, at: number[]) {
  const fifty = at.map(() => 50);
  return {
    device_id: id,
    from: "1970-01-01T00:00:00Z",
    to: "1970-01-01T01:00:00Z",
    step_ms: 60_000,
    source: "raw",
    at,
    samples: at.map(() => 60),
    series: { "battery.soc": { min: fifty, mean: fifty, max: fifty, last: fifty } },
    energy: { in_wh: at.map(() => 1), out_wh: at.map(() => 0) },
  };
}

function history(id: string, at: number[]) {
  return toHistory(answer(id, at));
}
