import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { count, groupsOf, select, totals, type View } from "../src/fleet/view";
import { EventDoor, FleetStore, type FleetRow } from "../src/telemetry";
import { TestServer } from "./server";

let server: TestServer;
let store: FleetStore;
let leave: () => void;

const row = (id: string, change: Partial<FleetRow> = {}): FleetRow => ({
  device_id: id,
  connected: true,
  status: "online",
  since: "2026-02-03T12:00:00Z",
  error_flags: [],
  alarms: 0,
  unacknowledged: 0,
  groups: [],
  conflict: false,
  ...change,
});

beforeEach(async () => {
  server = await TestServer.start();
  store = new FleetStore(new EventDoor({ baseUrl: server.url, backoff: { baseMs: 20, capMs: 40 } }));
  leave = () => undefined;
});

afterEach(async () => {
  leave();
  await server.stop();
});

const snapshot = (devices: unknown[], final = true) => ({ type: "fleet.snapshot", payload: { devices, final } });
const update = (devices: unknown[], removed: string[] = []) => ({ type: "fleet.update", payload: { devices, removed } });
const ids = () => [...store.getSnapshot().rows.keys()].toSorted();

test("a snapshot in parts shows its first part at once and is ready with its last", async () => {
  server.onJoin = () => [snapshot([row("a")], false)];
  leave = store.subscribe(() => undefined);
  await vi.waitFor(() => expect(ids()).toEqual(["a"]));
  expect(store.getSnapshot().ready).toBe(false);
  server.send(snapshot([row("b")]));
  await vi.waitFor(() => expect(store.getSnapshot().ready).toBe(true));
  expect(ids()).toEqual(["a", "b"]);
});

test("updates change rows, add new ones, take out removed ones, and keep the minutes", async () => {
  const spark = { step_s: 60, soc: [80, null], power: [1, 2] };
  server.onJoin = () => [snapshot([row("a", { spark }), row("b")])];
  leave = store.subscribe(() => undefined);
  await vi.waitFor(() => expect(store.getSnapshot().ready).toBe(true));
  const untouched = store.getSnapshot().rows.get("b");
  server.send(update([row("a", { soc: 81 }), row("c")]));
  await vi.waitFor(() => expect(ids()).toEqual(["a", "b", "c"]));
  expect(store.getSnapshot().rows.get("a")).toMatchObject({ soc: 81, spark });
  expect(store.getSnapshot().rows.get("b")).toBe(untouched);
  server.send(update([], ["b"]));
  await vi.waitFor(() => expect(ids()).toEqual(["a", "c"]));
});

test("the minutes of a device that has been silent for longer are gone", async () => {
  const spark = { step_s: 60, soc: [80, null], power: [1, 2] };
  server.onJoin = () => [snapshot([row("a", { spark })])];
  leave = store.subscribe(() => undefined);
  await vi.waitFor(() => expect(store.getSnapshot().rows.get("a")?.spark).toEqual(spark));
  server.send(update([{ ...row("a", { soc: 81 }), spark: null }]));
  await vi.waitFor(() => expect(store.getSnapshot().rows.get("a")?.soc).toBe(81));
  expect(store.getSnapshot().rows.get("a")?.spark).toBeNull();
});

test("a device that went while the connection was away is gone after it", async () => {
  server.onJoin = () => [snapshot([row("a"), row("b")])];
  leave = store.subscribe(() => undefined);
  await vi.waitFor(() => expect(ids()).toEqual(["a", "b"]));
  server.onJoin = () => [snapshot([row("b")])];
  server.last.terminate();
  await vi.waitFor(() => expect(ids()).toEqual(["b"]));
});

test("rows of a wrong form do not hide the others", async () => {
  const odd = [null, 7, [], {}, { device_id: 5 }, { device_id: "odd", soc: 140, groups: "x", status: "?", spark: 3, name: 9 }];
  server.onJoin = () => [snapshot([...odd, row("a")])];
  leave = store.subscribe(() => undefined);
  await vi.waitFor(() => expect(ids()).toEqual(["a", "odd"]));
  expect(store.getSnapshot().rows.get("odd")).toEqual(row("odd", { connected: false, status: "offline", since: "" }));
});

const view = (change: Partial<View> = {}): View => ({
  text: "",
  filter: "all",
  group: null,
  sort: "attention",
  descending: false,
  ...change,
});
const order = (rows: FleetRow[], change: Partial<View> = {}) => select(rows, view(change)).map((r) => r.device_id);

test("what needs attention is first, the long dead are last", () => {
  const rows = [
    row("never", { status: "never" }),
    row("long-gone", { status: "offline", last_seen: "2024-01-01T00:00:00Z" }),
    row("gone", { status: "offline", last_seen: "2026-01-01T00:00:00Z" }),
    row("fine"),
    row("silent", { status: "stale" }),
    row("faulty", { error_flags: ["SENSOR_LOST"] }),
    row("seen", { alarms: 1 }),
    row("burning", { alarms: 2, unacknowledged: 1 }),
  ];
  expect(order(rows)).toEqual(["burning", "seen", "faulty", "silent", "fine", "gone", "long-gone", "never"]);
});

test("names are sorted as people count, and unknown values come last", () => {
  const rows = [row("x10", { soc: 50 }), row("x9"), row("x2", { soc: 80 })];
  expect(order(rows, { sort: "name" })).toEqual(["x2", "x9", "x10"]);
  expect(order(rows, { sort: "soc" })).toEqual(["x10", "x2", "x9"]);
});

test("search, filter and group narrow together", () => {
  const rows = [
    row("a", { name: "Barn roof", groups: ["North"] }),
    row("b", { name: "Barn cellar", groups: ["South"], status: "offline" }),
    row("c", { name: "Harbour", groups: ["North"] }),
  ];
  expect(order(rows, { text: "barn NORTH" })).toEqual(["a"]);
  expect(order(rows, { filter: "offline" })).toEqual(["b"]);
  expect(order(rows, { group: "North", sort: "name" })).toEqual(["a", "c"]);
  expect(groupsOf(rows)).toEqual(["North", "South"]);
  expect(count(rows)).toEqual({ all: 3, alarms: 0, online: 2, stale: 0, offline: 1 });
});

test("the totals count what flows now", () => {
  const rows = [row("a", { power: 300 }), row("b", { power: -120 }), row("c", { power: 900, status: "offline" }), row("d")];
  expect(totals(rows)).toEqual({ charging: 300, discharging: 120 });
});

test("two thousand rows are searched, sorted and counted in a blink", () => {
  const rows = Array.from({ length: 2_000 }, (_, i) => row(`ems_${i}`, { soc: i % 100, groups: ["x"] }));
  expect(order(rows, { text: "ems_19", sort: "soc" })).toHaveLength(111);
});
