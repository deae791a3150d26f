import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test } from "vitest";
import { useTelemetry } from "../src/telemetry";
import { baseline, until } from "./resources";
import { TestServer } from "./server";

let server: TestServer;
let before: number;

beforeEach(async () => {
  server = await TestServer.start();
  before = await baseline();
});

afterEach(async () => {
  cleanup();
  await server.stop();
});

function mount(options = {}) {
  return renderHook(() => useTelemetry("ems_001", { baseUrl: server.url, ...options }));
}

test("unmounting closes the socket and leaves no timer and no socket behind", async () => {
  const { result, unmount } = mount();
  await until(Infinity, () => server.open.length === 1 && result.current.status === "OPEN");
  expect(await baseline()).toBeGreaterThan(before);
  unmount();
  await until(before, () => server.open.length === 0);
});

test("unmounting during the wait for the next attempt ends that wait", async () => {
  const { result, unmount } = mount({ backoff: { baseMs: 60_000, capMs: 60_000, random: () => 1 } });
  await until(Infinity, () => result.current.status === "OPEN");
  act(() => server.last.terminate());
  await until(Infinity, () => result.current.status === "CLOSED");
  unmount();
  await until(before, () => true);
  expect(server.peers).toHaveLength(1);
});

test("unmounting before the socket has opened leaves nothing behind", async () => {
  mount().unmount();
  await until(before, () => server.open.length === 0);
});

test("this file's way to look sees a timer and a socket that were left behind", async () => {
  const timer = setTimeout(() => undefined, 60_000);
  expect(await baseline()).toBe(before + 1);
  clearTimeout(timer);
  const socket = new WebSocket(server.url.replace("http", "ws"));
  await until(Infinity, () => server.open.length === 1);
  expect(await baseline()).toBeGreaterThan(before);
  socket.close();
  await until(before, () => true);
});
