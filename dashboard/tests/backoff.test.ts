import { expect, test } from "vitest";
import { Backoff } from "../src/telemetry";

const AT_MOST = 1 - Number.EPSILON;

test("the ceiling doubles from the base and stops at the cap", () => {
  const backoff = new Backoff({ baseMs: 500, capMs: 30_000, random: () => AT_MOST });
  const waits = Array.from({ length: 9 }, () => Math.round(backoff.next()));
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("the jitter spans the whole wait, at the cap too", () => {
  const values = [0, 0.5, AT_MOST];
  const backoff = new Backoff({ baseMs: 30_000, capMs: 30_000, random: () => values.shift() ?? 0 });
  expect([backoff.next(), backoff.next(), Math.round(backoff.next())]).toEqual([0, 15_000, 30_000]);
});

test("no wait leaves its bounds in ten thousand tries", () => {
  const backoff = new Backoff({ baseMs: 500, capMs: 30_000 });
  for (let attempt = 0; attempt < 10_000; attempt += 1) {
    const wait = backoff.next();
    expect(wait).toBeGreaterThanOrEqual(0);
    expect(wait).toBeLessThan(Math.min(30_000, 500 * 2 ** attempt));
  }
});

test("a floor is added whole and not jittered away", () => {
  expect(new Backoff({ random: () => 0 }).next(5_000)).toBe(5_000);
});

test("a reset starts again from the base", () => {
  const backoff = new Backoff({ baseMs: 500, random: () => AT_MOST });
  for (let i = 0; i < 5; i += 1) backoff.next();
  backoff.reset();
  expect(Math.round(backoff.next())).toBe(500);
});
