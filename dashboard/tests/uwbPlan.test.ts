import { expect, test } from "vitest";
import { toFix, type Fix } from "../src/api/uwb";
import { TRAIL_MS, withFixes } from "../src/pages/uwb/tracks";
import { fit, gridLines, gridStep, isInside, pan, toPixels, zoomAt } from "../src/pages/uwb/viewport";

const SIZE = { width: 800, height: 400 };

test("a fitted plan shows every place, and y grows upwards", () => {
  const places = [
    { x: -10, y: 0 },
    { x: 30, y: 15 },
  ];
  const view = fit(places, SIZE);
  for (const place of places) expect(isInside(view, SIZE, place)).toBe(true);
  const [low, high] = places.map((place) => toPixels(view, SIZE, place).top);
  expect(low).toBeGreaterThan(high ?? 0);
});

test("a single tag, or none, gives a plan of sane size", () => {
  expect(fit([{ x: 5, y: 5 }], SIZE).scale).toBeLessThan(SIZE.height / 4);
  expect(fit([], SIZE)).toMatchObject({ x: 0, y: 0 });
});

test("zooming leaves the place below the pointer where it is", () => {
  const view = { x: 3, y: 4, scale: 50 };
  const place = { x: 5, y: 2 };
  const before = toPixels(view, SIZE, place);
  const after = toPixels(zoomAt(view, SIZE, 1.7, before.left, before.top), SIZE, place);
  expect(after.left).toBeCloseTo(before.left);
  expect(after.top).toBeCloseTo(before.top);
});

test("moving the plan moves what is on it by as much", () => {
  const view = { x: 0, y: 0, scale: 20 };
  const before = toPixels(view, SIZE, { x: 1, y: 1 });
  const after = toPixels(pan(view, 30, -10), SIZE, { x: 1, y: 1 });
  expect([after.left - before.left, after.top - before.top]).toEqual([30, -10]);
});

test("grid lines are round numbers of metres at a readable distance", () => {
  expect([10, 50, 100, 1_000].map(gridStep)).toEqual([10, 2, 1, 0.1]);
  expect(gridLines(-1.5, 2.2, 1)).toEqual([-1, 0, 1, 2]);
});

test("a trail is in order whatever the order of its fixes, each once, and not longer than it may be", () => {
  const tracks = withFixes(new Map(), [fix("a", 2_000), fix("a", 1_000), fix("a", 2_000), fix("b", 5)]);
  expect(tracks.get("a")?.trail.map(({ timeMs }) => timeMs)).toEqual([1_000, 2_000]);
  expect(tracks.get("a")?.last.timeMs).toBe(2_000);
  const later = withFixes(tracks, [fix("a", 1_500 + TRAIL_MS)]);
  expect(later.get("a")?.trail.map(({ timeMs }) => timeMs)).toEqual([2_000, 1_500 + TRAIL_MS]);
  expect(tracks.get("a")?.trail).toHaveLength(2);
});

test("a proper fix takes the place of the one from the list, which is by another clock", () => {
  const listed = { ...fix("a", 9_000), rough: true };
  const tracks = withFixes(withFixes(new Map(), [listed]), [fix("a", 8_900)]);
  expect(tracks.get("a")?.trail.map(({ timeMs }) => timeMs)).toEqual([8_900]);
});

test("a location that cannot be placed is left out", () => {
  const good = { device_id: "a", timestamp: "2026-01-01T00:00:00Z", location: { x: 1, y: 2, z: 0 } };
  expect(toFix(good)).toMatchObject({ tag: "a", x: 1, y: 2, accuracy: null });
  for (const bad of [{ ...good, location: { x: "1", y: 2 } }, { ...good, timestamp: "?" }, { ...good, device_id: 7 }, {}]) {
    expect(toFix(bad)).toBeNull();
  }
  expect(toFix({ ...good, accuracy: -1 })?.accuracy).toBeNull();
});

function fix(tag: string, timeMs: number): Fix {
  return { tag, x: 0, y: 0, z: 0, accuracy: null, quality: null, timeMs, rough: false };
}
