import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AlarmStore } from "../src/telemetry/alarms";
import { EventStore } from "../src/telemetry/events";
import { EventDoor } from "../src/telemetry";
import { json, TestServer } from "./server";

const WHEN = "2026-05-10T12:00:00Z";

let server: TestServer;
let door: EventDoor;
let leave: () => void;
/** Requests that are not answered yet, in their order. */
let waiting: ServerResponse[];

beforeEach(async () => {
  server = await TestServer.start();
  waiting = [];
  server.handler = (_, response) => void waiting.push(response);
  door = new EventDoor({ baseUrl: server.url, backoff: { baseMs: 20, capMs: 40 } });
  leave = () => undefined;
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});

afterEach(async () => {
  leave();
  await server.stop();
});

test("an alarm that is raised while the list is read is not lost, and one that is over does not come back", async () => {
  const store = alarms();
  const response = await request(0);
  server.send({ type: "alarm", payload: alarm(2) });
  server.send({ type: "alarm", payload: alarm(1, { cleared_at: WHEN }) });
  server.send({ type: "alarm", payload: alarm(3, { acknowledged_at: WHEN }) });
  await vi.waitFor(() => expect(store.getSnapshot().active.map(({ id }) => id)).toEqual([3, 2]));
  json(response, { alarms: [alarm(3), alarm(1)] });
  await vi.waitFor(() => expect(store.getSnapshot().ready).toBe(true));
  expect(store.getSnapshot().active.map(({ id }) => id)).toEqual([3, 2]);
  expect(store.getSnapshot().unacknowledged).toBe(1);
});

test("of two joinings the answer to the later one counts", async () => {
  const store = alarms();
  const early = await request(0);
  server.last.terminate();
  const late = await request(1);
  json(late, { alarms: [alarm(2)] });
  await vi.waitFor(() => expect(store.getSnapshot().ready).toBe(true));
  json(early, { alarms: [alarm(1)] });
  // What follows on the same loopback is heard after it.
  await new Promise((done) => setTimeout(done, 200));
  expect(store.getSnapshot().active.map(({ id }) => id)).toEqual([2]);
});

test("alarms that could not be read are asked for again", async () => {
  const store = alarms();
  json(await request(0), { detail: "The disk is slow." }, 503);
  (await request(1)).destroy();
  json(await request(2), { alarms: [alarm(1)] });
  await vi.waitFor(() => expect(store.getSnapshot()).toMatchObject({ ready: true, unacknowledged: 1 }));
});

test("events that could not be read are asked for again; who may not see them does not ask twice", async () => {
  const store = new EventStore(door, "ems_001");
  leave = store.subscribe(() => undefined);
  json(await request(0), { detail: "The disk is slow." }, 503);
  json(await request(1), { events: [{ timestamp: WHEN, code: "BOOT" }] });
  await vi.waitFor(() => expect(store.getSnapshot()).toMatchObject({ ready: true, events: [{ code: "BOOT" }] }));
  server.last.terminate();
  json(await request(2), { detail: "Not yours." }, 403);
  await new Promise((done) => setTimeout(done, 2_500));
  expect(waiting).toHaveLength(3);
});

function alarms(): AlarmStore {
  const store = new AlarmStore(door);
  leave = store.subscribe(() => undefined);
  return store;
}

async function request(index: number): Promise<ServerResponse> {
  await vi.waitFor(() => expect(waiting.length).toBeGreaterThan(index), { timeout: 10_000 });
  const response = waiting[index];
  if (response === undefined) throw new Error("nobody asked");
  return response;
}

function alarm(id: number, change: object = {}): object {
  return { id, rule: 1, device_id: "ems_001", name: "low", kind: "below", severity: "error", raised_at: WHEN, ...NOTHING, ...change };
}

const NOTHING = { message: "", value: null, threshold: null, cleared_at: null, acknowledged_at: null, acknowledged_by: null };
