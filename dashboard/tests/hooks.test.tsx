import type { ReactNode } from "react";
import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  TelemetryProvider,
  useAlarms,
  useConnection,
  useEvents,
  useFleet,
  useLiveDevice,
  useLiveSnapshot,
  useMessages,
  useTelemetry,
} from "../src/telemetry";
import { baseline, until } from "./resources";
import { json, sample, TestServer } from "./server";

let server: TestServer;
let before: number;

beforeEach(async () => {
  server = await TestServer.start();
  before = await baseline();
});

afterEach(async () => {
  cleanup();
  vi.restoreAllMocks();
  await server.stop();
});

function Provider({ children }: { children: ReactNode }) {
  return (
    <TelemetryProvider baseUrl={server.url} backoff={{ baseMs: 20, capMs: 40 }}>
      {children}
    </TelemetryProvider>
  );
}

const stay = () => undefined;
const telemetry = (id: string, seq: number) => ({ type: "telemetry", payload: sample(seq, { device_id: id }) });
const event = (second: number) => ({ timestamp: `2026-01-01T00:00:0${second}Z`, severity: "info", code: "X", message: "m" });
const alarm = (id: number, change = {}) => ({
  id,
  rule: 1,
  device_id: "ems_001",
  name: "Low",
  kind: "below",
  severity: "warning",
  message: "battery.soc is 9, below 10",
  raised_at: "2026-01-01T00:00:00Z",
  cleared_at: null,
  acknowledged_at: null,
  acknowledged_by: null,
  ...change,
});

function useEverything(id: string) {
  const live = useLiveDevice({ deviceId: id, windowMs: 900_000, onUnknownDevice: stay });
  return {
    fleet: useFleet(),
    alarms: useAlarms(),
    events: useEvents(id),
    messages: useMessages(),
    connection: useConnection(),
    live: useLiveSnapshot(live),
    telemetry: useTelemetry(id),
  };
}

test("all hooks together use one socket, and leave no socket, timer or request behind", async () => {
  const { result, unmount } = renderHook(() => useEverything("ems_001"), { wrapper: Provider });
  await waitFor(() => expect(result.current.connection.status).toBe("OPEN"));
  await waitFor(() => expect(new Set(server.said)).toEqual(new Set(["subscribe fleet", "subscribe alarms", "subscribe device/ems_001"])));
  expect(server.peers).toHaveLength(1);
  unmount();
  await until(before, () => server.open.length === 0);
});

test("unmounting while the connection is lost, or not yet there, leaves nothing behind", async () => {
  const lost = renderHook(() => useEverything("ems_001"), { wrapper: Provider });
  await waitFor(() => expect(lost.result.current.connection.status).toBe("OPEN"));
  server.refuse = true;
  act(() => server.last.terminate());
  await waitFor(() => expect(lost.result.current.connection.status).not.toBe("OPEN"));
  lost.unmount();
  renderHook(() => useEverything("ems_001"), { wrapper: Provider }).unmount();
  await until(before, () => server.open.length === 0);
});

test("a change of device leaves one room, joins the other, and never mixes their data", async () => {
  const mixed: unknown[] = [];
  const { result, rerender } = renderHook(
    ({ id }) => {
      const all = useEverything(id);
      for (const shown of [all.telemetry.data, all.live.latest]) if (shown !== null && shown.device_id !== id) mixed.push(shown);
      return all;
    },
    { wrapper: Provider, initialProps: { id: "ems_001" } },
  );
  await waitFor(() => expect(result.current.connection.status).toBe("OPEN"));
  act(() => server.send(telemetry("ems_001", 1)));
  await waitFor(() => expect(result.current.live.latest?.seq).toBe(1));
  expect(result.current.telemetry.data?.seq).toBe(1);
  rerender({ id: "ems_002" });
  expect(result.current.telemetry.data).toBeNull();
  await waitFor(() => expect(server.said.slice(-2)).toEqual(["unsubscribe device/ems_001", "subscribe device/ems_002"]));
  act(() => server.send(telemetry("ems_001", 2)));
  act(() => server.send(telemetry("ems_002", 3)));
  await waitFor(() => expect(result.current.live.latest?.seq).toBe(3));
  expect(mixed).toEqual([]);
  expect(server.peers).toHaveLength(1);
});

test("alarms come as a list, change live, and are counted until somebody has seen them", async () => {
  server.handler = (_, response) => json(response, { alarms: [alarm(1), alarm(2, { acknowledged_at: "x" }), { broken: 1 }] });
  const { result } = renderHook(() => useAlarms(), { wrapper: Provider });
  await waitFor(() => expect(result.current.ready).toBe(true));
  expect([result.current.active.map(({ id }) => id), result.current.unacknowledged]).toEqual([[2, 1], 1]);
  act(() => server.send({ type: "alarm", payload: alarm(3) }));
  await waitFor(() => expect(result.current.unacknowledged).toBe(2));
  act(() => server.send({ type: "alarm", payload: alarm(1, { cleared_at: "2026-01-01T00:01:00Z" }) }));
  await waitFor(() => expect(result.current.active.map(({ id }) => id)).toEqual([3, 2]));
});

test("events are the stored ones and those that come, each once, newest first", async () => {
  server.handler = (_, response) => json(response, { device_id: "ems_001", events: [event(2), event(1), 7] });
  const { result } = renderHook(() => useEvents("ems_001"), { wrapper: Provider });
  await waitFor(() => expect(result.current.ready).toBe(true));
  act(() => server.send({ type: "device.event", payload: { device_id: "ems_001", ...event(3) } }));
  act(() => server.send({ type: "device.event", payload: { device_id: "ems_001", ...event(2) } }));
  await waitFor(() => expect(result.current.events.map(({ timestamp }) => timestamp.at(-2))).toEqual(["3", "2", "1"]));
});

test("the log of frames is bounded in its size, too: of a long frame the beginning is kept", async () => {
  const { result } = renderHook(() => useMessages(1_000), { wrapper: Provider });
  await waitFor(() => expect(server.open).toHaveLength(1));
  const long = JSON.stringify({ type: "long", payload: { text: "x".repeat(100_000) } });
  for (let i = 0; i < 200; i += 1) server.send(long);
  await waitFor(() => expect(result.current.total).toBe(201));
  const { frames } = result.current;
  expect(frames.reduce((sum, { text }) => sum + text.length, 0)).toBe(8 * 1_024 * 1_024);
  expect(frames.at(-1)).toMatchObject({ number: 201, text: long.slice(0, 65_536), cutFrom: long.length });
});

test("the log of frames is bounded", async () => {
  const { result } = renderHook(() => useMessages(5), { wrapper: Provider });
  await waitFor(() => expect(server.open).toHaveLength(1));
  for (let i = 0; i < 40; i += 1) server.send({ type: "pong", payload: { i } });
  await waitFor(() => expect(result.current.total).toBe(41));
  expect(result.current.frames.map(({ number }) => number)).toEqual([37, 38, 39, 40, 41]);
  act(() => result.current.clear());
  expect(result.current.frames).toEqual([]);
});

test("a hidden page renders nothing, goes on with the alarms, and catches up when it is shown", async () => {
  server.onJoin = (room) => (room === "fleet" ? [{ type: "fleet.snapshot", payload: { devices: [], final: true } }] : []);
  let renders = 0;
  const { result } = renderHook(
    () => {
      renders += 1;
      return useFleet();
    },
    { wrapper: Provider },
  );
  await waitFor(() => expect(result.current.ready).toBe(true));
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  document.dispatchEvent(new Event("visibilitychange"));
  const count = renders;
  server.send({ type: "fleet.update", payload: { devices: [{ device_id: "a" }], removed: [] } });
  await new Promise((done) => setTimeout(done, 100));
  expect(renders).toBe(count);
  hidden.mockReturnValue(false);
  act(() => void document.dispatchEvent(new Event("visibilitychange")));
  await waitFor(() => expect([...result.current.rows.keys()]).toEqual(["a"]));
});
