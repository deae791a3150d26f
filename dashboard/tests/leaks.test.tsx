import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test } from "vitest";
import { useTelemetry } from "../src/telemetry";
import { TestServer } from "./server";

// What a component that was unmounted leaves behind, seen from outside: the timers and TCP sockets of the process.

let server: TestServer;
let baseline: number;

beforeEach(async () => {
  server = await TestServer.start();
  baseline = await lowest();
});

afterEach(async () => {
  cleanup();
  await server.stop();
});

function mount(options = {}) {
  return renderHook(() => useTelemetry("ems_001", { baseUrl: server.url, ...options }));
}

function resources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout" || name.startsWith("TCPSocket"));
}

/** One turn of the event loop: a wait without a timer of its own, which would be counted. */
function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`after 10 s there are ${resources().join(", ")}; at first: ${baseline}`);
    await act(turn);
  }
}

/** The fewest resources seen within 300 ms: the test runner's own timers come and go. */
async function lowest(): Promise<number> {
  const deadline = Date.now() + 300;
  let count = Infinity;
  while (Date.now() < deadline) {
    await act(turn);
    count = Math.min(count, resources().length);
  }
  return count;
}

test("unmounting closes the socket and leaves no timer and no socket behind", async () => {
  const { result, unmount } = mount();
  await until(() => server.open.length === 1 && result.current.status === "OPEN");
  expect(await lowest()).toBeGreaterThan(baseline);
  unmount();
  await until(() => server.open.length === 0 && resources().length <= baseline);
});

test("unmounting during the wait for the next attempt ends that wait", async () => {
  const { result, unmount } = mount({ backoff: { baseMs: 60_000, capMs: 60_000, random: () => 1 } });
  await until(() => result.current.status === "OPEN");
  act(() => server.last.terminate());
  await until(() => result.current.status === "CLOSED");
  unmount();
  await until(() => resources().length <= baseline);
  expect(server.peers).toHaveLength(1);
});

test("unmounting before the socket has opened leaves nothing behind", async () => {
  mount().unmount();
  await until(() => server.open.length === 0 && resources().length <= baseline);
});

test("this file's way to look sees a timer and a socket that were left behind", async () => {
  const timer = setTimeout(() => undefined, 60_000);
  expect(await lowest()).toBe(baseline + 1);
  clearTimeout(timer);
  const socket = new WebSocket(server.url.replace("http", "ws"));
  await until(() => server.open.length === 1);
  expect(await lowest()).toBeGreaterThan(baseline);
  socket.close();
  await until(() => resources().length <= baseline);
});
