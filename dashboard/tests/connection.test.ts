import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Connection, streamUrl, type ConnectionOptions, type ConnectionState } from "../src/telemetry";
import { TestServer } from "./server";

let server: TestServer;
let connection: Connection | undefined;
let states: ConnectionState[];

beforeEach(async () => {
  server = await TestServer.start();
  states = [];
});

afterEach(async () => {
  connection?.close();
  await server.stop();
});

function connect(options: Partial<ConnectionOptions> = {}): void {
  connection = new Connection({
    url: streamUrl("ems_001", server.url),
    onText: () => undefined,
    onState: (state) => states.push(state),
    backoff: { baseMs: 20, capMs: 10_000, random: () => 1 },
    ...options,
  });
}

const last = () => states.at(-1);

/** Closes each new socket until `count` were accepted; returns the waits that were announced. */
async function waitsOver(count: number): Promise<number[]> {
  const waits: number[] = [];
  for (let i = 0; i < count; i += 1) {
    await vi.waitFor(() => expect(last()?.status).toBe("OPEN"));
    const before = states.length;
    server.last.close(1012);
    await vi.waitFor(() => expect(states.slice(before).some((state) => state.retryAt !== null)).toBe(true));
    const lost = states.slice(before).find((state) => state.retryAt !== null);
    waits.push(Math.round((lost?.retryAt ?? 0) - performance.now()));
    expect(lost?.closeCode).toBe(1012);
  }
  return waits;
}

test("a connection that does not last waits longer each time", async () => {
  connect({ stableAfterMs: 60_000 });
  const waits = await waitsOver(5);
  // The fifth ceiling is 320 ms; without growth it would be 20 ms.
  expect(waits[4]).toBeGreaterThan(100);
});

test("a connection that proved stable waits from the start again", async () => {
  connect({ stableAfterMs: 60_000 });
  await waitsOver(5);
  connection?.close();
  states = [];
  connect({ stableAfterMs: 0 });
  for (const wait of await waitsOver(5)) expect(wait).toBeLessThanOrEqual(20);
});

test.each([
  [1013, 5_000],
  [4029, 15_000],
  [4003, 60_000],
  [1008, 60_000],
])("close code %i is met with a wait of at least %i ms", async (code, floorMs) => {
  connect({ backoff: { random: () => 0 } });
  await vi.waitFor(() => expect(last()?.status).toBe("OPEN"));
  const since = performance.now();
  server.last.close(code);
  await vi.waitFor(() => expect(last()?.status).toBe("CLOSED"));
  expect((last()?.retryAt ?? 0) - since).toBeGreaterThanOrEqual(floorMs);
});

test.each([
  ["the server restarts; retry_window=120", 1012, 60_000],
  ["the server is busy; retry_window=120", 1013, 65_000],
  ["the server restarts; retry_window=0", 1012, 0],
  ["retry_window=99999999", 1012, 150_000],
  ["the server restarts", 1012, 20_000],
  ["retry_window=120", 4001, 0],
])("after %j, %i, the first attempt comes within the window that the server has asked for", async (reason, code, waitMs) => {
  connect({ backoff: { baseMs: 1, random: () => 0.5 } });
  await vi.waitFor(() => expect(last()?.status).toBe("OPEN"));
  connection?.spreadReturn(40_000);
  const since = performance.now();
  server.last.close(code, reason);
  await vi.waitFor(() => expect(states.some((state) => state.retryAt !== null)).toBe(true));
  const wait = (states.find((state) => state.retryAt !== null)?.retryAt ?? 0) - since;
  expect(Math.abs(wait - waitMs)).toBeLessThan(5_000);
});

test("a server that is lost without a word is given half a minute at most, and the window is good for one attempt", async () => {
  connect({ backoff: { baseMs: 1, random: () => 0.5 } });
  await vi.waitFor(() => expect(last()?.status).toBe("OPEN"));
  connection?.spreadReturn(300_000);
  const since = performance.now();
  server.refuse = true;
  server.last.terminate();
  await vi.waitFor(() => expect(last()?.status).toBe("CLOSED"));
  expect(Math.abs((last()?.retryAt ?? 0) - since - 15_000)).toBeLessThan(5_000);
  connection?.retryNow();
  await vi.waitFor(() => expect(last()?.status).toBe("CLOSED"));
  expect((last()?.retryAt ?? Infinity) - performance.now()).toBeLessThan(1_000);
});

test("a hundred pages that lose the server together come back over the whole window", async () => {
  const windowMs = 100_000;
  const waits: number[] = [];
  const pages = Array.from({ length: 100 }, (_, i) => {
    const page = new Connection({
      url: streamUrl("ems_001", server.url),
      onText: () => undefined,
      onState: ({ retryAt }) => retryAt !== null && waits.push(retryAt - performance.now()),
      // What chance would give on average.
      backoff: { random: () => i / 100 },
    });
    return page;
  });
  try {
    await vi.waitFor(() => expect(server.open).toHaveLength(100));
    for (const { socket } of server.peers) socket.close(1012, `the server restarts; retry_window=${windowMs / 1_000}`);
    await vi.waitFor(() => expect(waits).toHaveLength(100));
    const inTenth = (tenth: number) => waits.filter((wait) => Math.floor((10 * wait) / windowMs) === tenth).length;
    for (let tenth = 1; tenth < 9; tenth += 1) expect(inTenth(tenth)).toBeGreaterThan(5);
    expect(Math.max(...waits)).toBeGreaterThan(0.9 * windowMs);
  } finally {
    for (const page of pages) page.close();
  }
});

test("a wait can be cut short", async () => {
  connect({ backoff: { baseMs: 60_000, capMs: 60_000, random: () => 1 } });
  await vi.waitFor(() => expect(last()?.status).toBe("OPEN"));
  connection?.retryNow();
  expect(last()?.status).toBe("OPEN");
  server.last.terminate();
  await vi.waitFor(() => expect(last()?.status).toBe("CLOSED"));
  connection?.retryNow();
  await vi.waitFor(() => expect(last()?.status).toBe("OPEN"));
  expect(server.peers).toHaveLength(2);
});

test("the network coming back cuts the wait short", async () => {
  connect({ backoff: { baseMs: 60_000, capMs: 60_000, random: () => 1 } });
  await vi.waitFor(() => expect(last()?.status).toBe("OPEN"));
  server.last.terminate();
  await vi.waitFor(() => expect(last()?.status).toBe("CLOSED"));
  dispatchEvent(new Event("online"));
  await vi.waitFor(() => expect(last()?.status).toBe("OPEN"));
});

test("a silent peer counts as dead", async () => {
  connect({ silenceLimitMs: 100 });
  await vi.waitFor(() => expect(server.peers.length).toBeGreaterThanOrEqual(2));
});

test("a socket that was let go is not heard any more", async () => {
  const texts: string[] = [];
  connect({ onText: (text) => texts.push(text) });
  await vi.waitFor(() => expect(last()?.status).toBe("OPEN"));
  connection?.close();
  const count = states.length;
  server.last.send("late");
  await new Promise((turn) => setTimeout(turn, 100));
  expect(texts).toEqual([]);
  expect(states).toHaveLength(count);
});

test("an attempt that never opens is given up", async () => {
  // A listener that accepts TCP and never answers the upgrade.
  const { createServer } = await import("node:net");
  const accepted: import("node:net").Socket[] = [];
  const mute = createServer((socket) => void accepted.push(socket));
  await new Promise<void>((listening) => mute.listen(0, "127.0.0.1", listening));
  const { port } = mute.address() as import("node:net").AddressInfo;
  connect({ url: `ws://127.0.0.1:${port}/`, connectTimeoutMs: 50 });
  await vi.waitFor(() => expect(accepted.length).toBeGreaterThanOrEqual(2), { timeout: 5_000 });
  connection?.close();
  for (const socket of accepted) socket.destroy();
  await new Promise((closed) => mute.close(closed));
});
