import { renderHook, waitFor } from "@testing-library/react";
import type { ServerResponse } from "node:http";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { energyBars } from "../src/pages/history/tables";
import { useHistories } from "../src/pages/history/useHistories";
import type { View } from "../src/pages/history/view";
import { SessionProvider } from "../src/session";
import { json, TestServer } from "./server";

// uPlot asks for the density of the screen when it is loaded, which jsdom has none of.
vi.hoisted(() => {
  globalThis.matchMedia ??= () => new EventTarget() as MediaQueryList;
});

const DAY = 86_400_000;
const MAX_BUCKETS = 20_000;
const YEAR: View = { span: "1y", fields: ["battery.soc"], compare: null };
const zone = process.env["TZ"];

let server: TestServer;
let failing: boolean;
/** The steps that were asked for, s. */
let steps: number[];

beforeEach(async () => {
  server = await TestServer.start();
  [failing, steps] = [false, []];
  server.handler = (_, response, url) => {
    if (url.pathname === "/api/me") json(response, { username: "kim", role: "viewer" });
    else if (url.pathname.endsWith("/history")) history(response, url.searchParams);
    else json(response, { events: [], alarms: [], commands: [] });
  };
  (globalThis as unknown as { jsdom: { reconfigure: (to: { url: string }) => void } }).jsdom.reconfigure({ url: server.url });
});

afterEach(async () => {
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
  await server.stop();
});

test.each([
  ["Europe/Berlin", 3_600],
  ["Asia/Kolkata", 1_800],
  // The clocks go forward by half an hour.
  ["Australia/Lord_Howe", 1_800],
  ["Asia/Kathmandu", 900],
])("a year's energy in %s is asked for in buckets of %i s, in answers that the server gives, each bucket once", async (name, step) => {
  process.env["TZ"] = name;
  const shown = await show(YEAR);
  expect(steps.every((asked) => asked === step)).toBe(true);
  if (typeof shown.energy === "string") throw new Error(shown.energy);
  const [energy] = shown.energy;
  if (energy === undefined) throw new Error("there is no energy");
  expect(energy.at).toEqual([...new Set(energy.at)].toSorted((a, b) => a - b));
  const buckets = Math.floor(shown.toMs / (step * 1_000)) - Math.floor(shown.fromMs / (step * 1_000)) + 1;
  expect(energy.at).toHaveLength(buckets);
  expect(energy.energy.inWh).toHaveLength(buckets);
  expect(energyBars(energy, "day").reduce((sum, { inWh }) => sum + inWh, 0)).toBe(buckets);
});

test("without its energy a view still shows its curves, and says why", async () => {
  failing = true;
  const shown = await show(YEAR);
  expect(shown.histories).toHaveLength(1);
  expect(shown.energy).toBe("The disk is slow.");
});

function Session({ children }: { children: ReactNode }) {
  return <SessionProvider>{children}</SessionProvider>;
}

async function show(view: View) {
  const { result, unmount } = renderHook(() => useHistories("ems_001", view, 800), { wrapper: Session });
  await waitFor(() => expect(result.current.failure ?? result.current.data).not.toBeNull());
  const { data, failure } = result.current;
  unmount();
  if (data === null) throw new Error(failure ?? "nothing came");
  return data;
}

/** Answers as the server does: at most so many buckets, both ends counted in. */
function history(response: ServerResponse, query: URLSearchParams): void {
  const [from, to] = [query.get("from") ?? "", query.get("to") ?? ""];
  const asked = query.get("step");
  const stepS = asked === "hour" ? 3_600 : Number(asked ?? DAY / 1_000);
  if (asked !== null) {
    steps.push(stepS);
    if (failing) return json(response, { status: 503, detail: "The disk is slow." }, 503);
  }
  const stepMs = stepS * 1_000;
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  if ((toMs - fromMs) / stepMs > MAX_BUCKETS) return json(response, { status: 400, detail: "Too many buckets." }, 400);
  const at: number[] = [];
  for (let ms = Math.floor(fromMs / stepMs) * stepMs; ms <= toMs; ms += stepMs) at.push(ms);
  const ones = at.map(() => 1);
  json(response, { device_id: "ems_001", from, to, step_ms: stepMs, source: "minute", at, series: {}, energy: { in_wh: ones, out_wh: ones } });
}
