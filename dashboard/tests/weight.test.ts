// @vitest-environment node
import { expect, test } from "vitest";
import { firstViews } from "./weight.mjs";

test("the first view of every page weighs at most 160 kB, compressed", async () => {
  const views = await firstViews();
  expect([...views.keys()]).toEqual(expect.arrayContaining(["login", "FleetPage", "LivePage"]));
  for (const [page, bytes] of views) expect(bytes, page).toBeGreaterThan(20_000);
  for (const [page, bytes] of views) expect(bytes, page).toBeLessThanOrEqual(160_000);
}, 120_000);
