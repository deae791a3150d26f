import { StrictMode } from "react";
import { cleanup, renderHook, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useTelemetry } from "../src/telemetry";
import { sample, TestServer } from "./server";

let server: TestServer;
const quick = { backoff: { baseMs: 20, capMs: 40 } };

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(async () => {
  cleanup();
  await server.stop();
});

function mount(deviceId = "ems_001", options = {}) {
  return renderHook(({ id }) => useTelemetry(id, { baseUrl: server.url, ...quick, ...options }), {
    initialProps: { id: deviceId },
  });
}

test("connects on mount to the device's address and offers no subprotocol", async () => {
  const { result } = mount();
  expect(result.current).toEqual({ data: null, status: "CONNECTING" });
  await waitFor(() => expect(result.current.status).toBe("OPEN"));
  expect(server.peers.map((peer) => peer.path)).toEqual(["/ws/device/ems_001"]);
  expect(server.last.protocol).toBe("");
});

test("shows each sample as it comes", async () => {
  const { result } = mount();
  await waitFor(() => expect(result.current.status).toBe("OPEN"));
  for (const seq of [1, 2, 3]) {
    server.send(sample(seq));
    await waitFor(() => expect(result.current.data?.seq).toBe(seq));
  }
  expect(result.current.data?.battery.voltage).toBe(50.03);
});

test("unmounting closes the socket", async () => {
  const { unmount } = mount();
  await waitFor(() => expect(server.open).toHaveLength(1));
  unmount();
  await waitFor(() => expect(server.open).toHaveLength(0));
});

test("the double mount of React's strict mode ends with one socket", async () => {
  renderHook(() => useTelemetry("ems_001", { baseUrl: server.url }), { wrapper: StrictMode });
  await waitFor(() => expect(server.open).toHaveLength(1));
  await new Promise((turn) => setTimeout(turn, 100));
  expect(server.open).toHaveLength(1);
});

test("a change of device closes one socket, opens the other, and never mixes their data", async () => {
  const shown: [string, string | undefined][] = [];
  const { result, rerender } = renderHook(
    ({ id }) => {
      const telemetry = useTelemetry(id, { baseUrl: server.url, ...quick });
      shown.push([id, telemetry.data?.device_id]);
      return telemetry;
    },
    { initialProps: { id: "ems_001" } },
  );
  await waitFor(() => expect(result.current.status).toBe("OPEN"));
  server.send(sample(7));
  await waitFor(() => expect(result.current.data?.seq).toBe(7));
  rerender({ id: "ems_002" });
  expect(result.current).toEqual({ data: null, status: "CONNECTING" });
  await waitFor(() => expect(server.open.map((peer) => peer.path)).toEqual(["/ws/device/ems_002"]));
  server.send(sample(8, { device_id: "ems_002" }));
  await waitFor(() => expect(result.current.data?.device_id).toBe("ems_002"));
  expect(shown.filter(([asked, got]) => got !== undefined && got !== asked)).toEqual([]);
});

test("frames that are no sample of this device are ignored, and the stream goes on", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const { result } = mount();
  await waitFor(() => expect(result.current.status).toBe("OPEN"));
  server.send(sample(1));
  await waitFor(() => expect(result.current.data?.seq).toBe(1));
  const bad = ["", "{", "null", "[]", "7", `"x"`, JSON.stringify(sample(2, { device_id: "ems_999" })), "[".repeat(50_000)];
  for (const frame of bad) server.send(frame);
  server.send(sample(2, { battery: { voltage: null, soc: 85 } }));
  server.send(sample(2, { battery: { voltage: 53, soc: 140 } }));
  server.last.send(Buffer.from([1, 2, 3]));
  await new Promise((turn) => setTimeout(turn, 100));
  expect(result.current.data?.seq).toBe(1);
  server.send(sample(3));
  await waitFor(() => expect(result.current.data?.seq).toBe(3));
  expect(result.current.status).toBe("OPEN");
  expect(warned).toHaveBeenCalledTimes(1);
});

test("comes back by itself after a loss, keeping the last sample meanwhile", async () => {
  const { result } = mount();
  await waitFor(() => expect(result.current.status).toBe("OPEN"));
  server.send(sample(1));
  await waitFor(() => expect(result.current.data?.seq).toBe(1));
  server.last.terminate();
  await waitFor(() => expect(server.peers).toHaveLength(2));
  expect(result.current.data?.seq).toBe(1);
  await waitFor(() => expect(result.current.status).toBe("OPEN"));
  server.send(sample(2));
  await waitFor(() => expect(result.current.data?.seq).toBe(2));
});

test("keeps trying while the server refuses, and connects once it does not", async () => {
  server.refuse = true;
  const { result } = mount();
  await waitFor(() => expect(result.current.status).toBe("CLOSED"));
  await new Promise((turn) => setTimeout(turn, 150));
  expect(server.peers).toHaveLength(0);
  server.refuse = false;
  await waitFor(() => expect(result.current.status).toBe("OPEN"));
});

test("does not come back when the session has ended", async () => {
  const { result } = mount();
  await waitFor(() => expect(result.current.status).toBe("OPEN"));
  server.last.close(4010, "session ended");
  await waitFor(() => expect(result.current.status).toBe("CLOSED"));
  await new Promise((turn) => setTimeout(turn, 200));
  expect(server.peers).toHaveLength(1);
});
