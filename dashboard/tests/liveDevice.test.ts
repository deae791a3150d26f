import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ageMs, EventDoor, isStale, LiveDevice, markNow } from "../src/telemetry";
import { json, sample, TestServer } from "./server";

const WINDOW_MS = 15 * 60_000;

let server: TestServer;
let door: EventDoor;
let live: LiveDevice;
let unsubscribe: () => void;
let stored: Record<string, unknown>[];
let device: Record<string, unknown>;
/** Spans asked of the history over HTTP, [from, to] in Unix ms. */
let spans: [number, number][];
/** What was asked for at each joining. */
let joined: Record<string, unknown>[];
const onSessionEnded = vi.fn();
const onUnknownDevice = vi.fn();

beforeEach(async () => {
  server = await TestServer.start();
  stored = [];
  spans = [];
  joined = [];
  device = { device_id: "ems_001", name: "Shed", online: true, status: "online", since: ago(60_000), last_seen: ago(0), latest: null };
  server.handler = (_, response, url) => {
    if (url.pathname === "/api/devices/ems_001") return json(response, device);
    const [from, to] = ["from", "to"].map((name) => Date.parse(url.searchParams.get(name) ?? "")) as [number, number];
    spans.push([from, to]);
    const samples = stored.filter(({ timestamp }) => inside(Date.parse(String(timestamp)), from, to));
    json(response, { device_id: "ems_001", samples, truncated: false });
  };
  server.onJoin = (_, options) => {
    joined.push(options);
    const { recent_s: recent, since } = options;
    const fromMs = typeof since === "string" ? Date.parse(since) : Date.now() - Number(recent) * 1_000;
    const samples = stored.filter(({ timestamp }) => Date.parse(String(timestamp)) >= fromMs);
    const { latest, name: _name, ...status } = device;
    return [
      { type: "device.status", payload: status },
      ...(latest === null ? [] : [telemetry(latest as object)]),
      { type: "telemetry.recent", payload: { device_id: "ems_001", from: new Date(fromMs).toISOString(), to: ago(0), samples, complete: true } },
    ];
  };
});

afterEach(async () => {
  unsubscribe();
  await server.stop();
  vi.clearAllMocks();
});

function start(): void {
  door = new EventDoor({ baseUrl: server.url, backoff: { baseMs: 20, capMs: 40 }, onSessionEnded });
  live = new LiveDevice(door, { deviceId: "ems_001", windowMs: WINDOW_MS, onUnknownDevice });
  unsubscribe = live.subscribe(() => undefined);
}

const now = () => live.getSnapshot();
const seqs = () => now().points.map((point) => point.sample.seq);
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
const inside = (value: number, from: number, to: number) => value >= from && value <= to;
const stamped = (seq: number, agoMs: number, change = {}) => sample(seq, { timestamp: ago(agoMs), ...change });
const telemetry = (payload: object) => ({ type: "telemetry", payload });

async function opened(): Promise<void> {
  await vi.waitFor(() => expect(now().connection.status).toBe("OPEN"));
  await vi.waitFor(() => expect(now().history).toBe("ready"));
}

test("shows the last value and the stored minutes before any live frame, then the live ones after them", async () => {
  stored = [stamped(1, 3_000), stamped(2, 2_000)];
  device["latest"] = stored[1];
  start();
  await opened();
  expect(server.last.protocol).toBe("ems.v1");
  expect(now().latest?.seq).toBe(2);
  expect(seqs()).toEqual([1, 2]);
  server.send(telemetry(stamped(3, 0)));
  await vi.waitFor(() => expect(seqs()).toEqual([1, 2, 3]));
  expect(now().latest?.seq).toBe(3);
});

test("a sample that comes both stored and live is kept once", async () => {
  stored = [stamped(1, 1_000)];
  start();
  await opened();
  server.send(telemetry(stored[0] ?? {}));
  server.send(telemetry(stamped(2, 0)));
  await vi.waitFor(() => expect(seqs()).toEqual([1, 2]));
});

test("the first joining asks for the whole window, the one after a loss only for what was missed", async () => {
  start();
  await opened();
  expect(joined).toEqual([{ rooms: ["device/ems_001"], recent_s: 900 }]);
  server.send(telemetry(stamped(1, 0)));
  server.send(telemetry(stamped(2, 0)));
  await vi.waitFor(() => expect(seqs()).toEqual([1, 2]));
  stored = [stamped(3, 0)];
  server.last.terminate();
  await vi.waitFor(() => expect(seqs()).toEqual([1, 2, 3]));
  const since = Date.parse(String(joined.at(-1)?.["since"]));
  expect(since).toBeGreaterThan(Date.now() - 60_000);
  expect(since).toBeLessThan(Date.now());
});

test("what the server left off is fetched over HTTP", async () => {
  stored = [stamped(1, 800_000), stamped(2, 1_000)];
  const whole = server.onJoin;
  server.onJoin = (room, options) => {
    const [status] = whole(room, options);
    const payload = { device_id: "ems_001", from: ago(2_000), to: ago(0), samples: [stored[1]], complete: false };
    return [status ?? {}, { type: "telemetry.recent", payload }];
  };
  start();
  await vi.waitFor(() => expect(seqs()).toEqual([1, 2]));
});

test("a server that sends no recent samples is asked for them over HTTP", async () => {
  stored = [stamped(1, 3_000)];
  server.onJoin = () => [];
  start();
  await vi.waitFor(() => expect(seqs()).toEqual([1]), { timeout: 10_000 });
  expect(now().history).toBe("ready");
});

test("a longer window fetches what lies before", async () => {
  stored = [stamped(1, 3_000_000), stamped(2, 1_000)];
  start();
  await opened();
  expect(seqs()).toEqual([2]);
  live.reach(3_600_000);
  await vi.waitFor(() => expect(seqs()).toEqual([1, 2]));
});

test("while the backlog comes, it is told how much of it is left", async () => {
  device = { ...device, since: ago(0) };
  start();
  await opened();
  server.send({ type: "telemetry.backfill", payload: { device_id: "ems_001", from: ago(8_000_000), to: ago(7_800_000) } });
  await vi.waitFor(() => expect(Math.round((now().catchUp?.leftS ?? 0) / 60)).toBe(130));
  server.send({ type: "telemetry.backfill", payload: { device_id: "ems_001", from: ago(60_000), to: ago(1_000) } });
  await vi.waitFor(() => expect(now().catchUp).toBeNull());
});

test("a value is stale after three seconds, or after three intervals of a slow device", () => {
  expect([isStale(null, null), isStale(markNow(2_000), 1_000), isStale(markNow(4_000), 1_000)]).toEqual([false, false, true]);
  expect([isStale(markNow(20_000), 10_000), isStale(markNow(40_000), 10_000)]).toEqual([false, true]);
});

test("late samples that the server announces fill their gap", async () => {
  stored = [stamped(1, 10_000), stamped(4, 7_000)];
  start();
  await opened();
  stored.push(stamped(2, 9_000), stamped(3, 8_000));
  const span = { device_id: "ems_001", from: ago(9_500), to: ago(7_500) };
  server.send({ type: "telemetry.backfill", payload: span });
  await vi.waitFor(() => expect(seqs()).toEqual([1, 2, 3, 4]));
});

test("an announcement outside the window, or without times, asks for nothing", async () => {
  start();
  await opened();
  server.send({ type: "telemetry.backfill", payload: { device_id: "ems_001", from: ago(9e7), to: ago(8e7) } });
  server.send({ type: "telemetry.backfill", payload: { device_id: "ems_001" } });
  server.send(telemetry(stamped(1, 0)));
  await vi.waitFor(() => expect(seqs()).toEqual([1]));
  expect(Math.min(...spans.map(([from]) => from))).toBeGreaterThan(Date.now() - 2 * WINDOW_MS);
});

test("the device's own truth follows device.status and leaves name and connection alone", async () => {
  start();
  await opened();
  server.send({ type: "device.status", payload: { device_id: "ems_001", online: false, since: ago(0), last_seen: ago(0) } });
  await vi.waitFor(() => expect(now().device?.online).toBe(false));
  expect(now().device?.name).toBe("Shed");
  expect(now().connection.status).toBe("OPEN");
});

test("the first frame of a connection may be old and says so", async () => {
  device = { ...device, online: false, last_seen: ago(3_600_000) };
  start();
  await opened();
  server.send(telemetry(stamped(1, 3_600_000)));
  await vi.waitFor(() => expect(now().latest?.seq).toBe(1));
  const { freshAt } = now();
  expect(freshAt === null ? 0 : ageMs(freshAt)).toBeGreaterThan(3_500_000);
});

test("a live sample with a hopeless stamp is fresh, and stands where it came", async () => {
  start();
  await opened();
  for (const seq of [1, 2]) {
    server.send(telemetry(sample(seq, { timestamp: "2001-01-01T00:00:00Z", clock: "unsynced" })));
  }
  await vi.waitFor(() => expect(now().latest?.seq).toBe(2));
  const { freshAt } = now();
  expect(freshAt === null ? Infinity : ageMs(freshAt)).toBeLessThan(60_000);
  expect(now().points.at(-1)?.timeMs).toBeGreaterThan(Date.now() - 60_000);
});

test("the window of a device silent for long ends at its last sample", async () => {
  device = { ...device, online: false, last_seen: ago(7_200_000) };
  stored = [stamped(1, 7_201_000), stamped(2, 7_200_000)];
  start();
  await opened();
  expect(seqs()).toEqual([1, 2]);
  expect(live.window().toMs).toBe(Date.parse(String(stored[1]?.["timestamp"])));
});

test("a history that cannot be read is said and asked for again", async () => {
  server.onJoin = () => [];
  const answer = server.handler;
  server.handler = (request, response, url) => {
    if (url.pathname.endsWith("/telemetry")) return void response.writeHead(503).end();
    answer(request, response, url);
  };
  stored = [stamped(1, 600_000)];
  start();
  await vi.waitFor(() => expect(now().history).toBe("failed"), { timeout: 10_000 });
  server.handler = answer;
  await vi.waitFor(() => expect(seqs()).toEqual([1]), { timeout: 10_000 });
  expect(now().history).toBe("ready");
}, 30_000);

test("a history cut into pages is read to its end", async () => {
  stored = Array.from({ length: 5 }, (_, i) => stamped(i, 5_000 - i * 1_000));
  const answer = server.handler;
  server.handler = (request, response, url) => {
    if (!url.pathname.endsWith("/telemetry")) return answer(request, response, url);
    const from = Date.parse(url.searchParams.get("from") ?? "");
    const rest = stored.filter(({ timestamp }) => Date.parse(String(timestamp)) >= from);
    json(response, { device_id: "ems_001", samples: rest.slice(0, 2), truncated: rest.length > 2 });
  };
  server.onJoin = () => [];
  start();
  await vi.waitFor(() => expect(seqs()).toEqual([0, 1, 2, 3, 4]), { timeout: 10_000 });
});

test("a socket closed with 4010 ends at the login", async () => {
  start();
  await opened();
  server.last.close(4010);
  await vi.waitFor(() => expect(onSessionEnded).toHaveBeenCalledOnce());
});

test("a request that is refused because nobody is logged in ends at the login", async () => {
  server.handler = (_, response) => json(response, { status: 401 }, 401);
  start();
  await vi.waitFor(() => expect(onSessionEnded).toHaveBeenCalledOnce());
});

test("a device that this user may not see is told, whether the door or the API says so", async () => {
  server.onJoin = (room) => [{ type: "error", payload: { code: "forbidden", message: "no", details: { room } } }];
  start();
  await vi.waitFor(() => expect(onUnknownDevice).toHaveBeenCalled());
  vi.clearAllMocks();
  unsubscribe();
  server.onJoin = () => [];
  server.handler = (_, response) => json(response, { status: 404 }, 404);
  start();
  await vi.waitFor(() => expect(onUnknownDevice).toHaveBeenCalled());
});

test("frames of no use are ignored and the stream goes on", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  start();
  await opened();
  const frames = ["", "nope", "{}", `{"type":"telemetry"}`, `{"type":"telemetry","payload":{"device_id":"ems_001"}}`];
  for (const frame of [...frames, `{"type":"device.status","payload":{}}`, `{"type":"later.invented","payload":{}}`]) {
    server.send(frame);
  }
  server.send(telemetry(stamped(9, 0)));
  await vi.waitFor(() => expect(now().latest?.seq).toBe(9));
  expect(warned).toHaveBeenCalled();
});

test("without a listener the socket closes, and a new listener connects again", async () => {
  start();
  await opened();
  unsubscribe();
  await vi.waitFor(() => expect(server.open).toHaveLength(0));
  unsubscribe = live.subscribe(() => undefined);
  await vi.waitFor(() => expect(server.open).toHaveLength(1));
});
