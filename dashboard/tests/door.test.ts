import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventDoor, type DoorMessage, type EventDoorOptions } from "../src/telemetry";
import { TestServer } from "./server";

let server: TestServer;
let door: EventDoor;
let leaves: (() => void)[];
let heard: DoorMessage[];

beforeEach(async () => {
  server = await TestServer.start();
  leaves = [];
  heard = [];
});

afterEach(async () => {
  for (const leave of leaves) leave();
  hide(false);
  await server.stop();
  vi.restoreAllMocks();
});

function open(options: EventDoorOptions = {}): void {
  door = new EventDoor({ baseUrl: server.url, backoff: { baseMs: 20, capMs: 40 }, ...options });
}

function listen(room: string, options = {}): () => void {
  const leave = door.listen(room, (message) => heard.push(message), options);
  leaves.push(leave);
  return leave;
}

async function joined(...rooms: string[]): Promise<void> {
  await vi.waitFor(() => expect(server.said).toEqual(rooms.map((room) => `subscribe ${room}`)));
}

function hide(hidden: boolean): void {
  vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  document.dispatchEvent(new Event("visibilitychange"));
}

const turn = (ms: number) => new Promise((done) => setTimeout(done, ms));

test("a door whose server is lost comes back within the window that the greeting has asked for", async () => {
  server.retryWindowS = 20;
  open({ backoff: { baseMs: 1, random: () => 0.5 } });
  listen("fleet");
  await joined("fleet");
  server.last.terminate();
  await vi.waitFor(() => expect(door.getState().retryAt).not.toBeNull());
  const wait = (door.getState().retryAt ?? 0) - performance.now();
  expect(wait).toBeGreaterThan(5_000);
  expect(wait).toBeLessThanOrEqual(10_000);
});

test("a hundred rooms are joined over one socket, in one message", async () => {
  open();
  for (let i = 0; i < 100; i += 1) listen(`device/ems_${i}`);
  await vi.waitFor(() => expect(server.said).toHaveLength(100));
  expect(server.peers).toHaveLength(1);
});

test("a room is left when its last listener has gone, and the socket closes with the last room", async () => {
  open();
  const [first, second] = [listen("fleet"), listen("fleet")];
  const other = listen("alarms");
  await joined("fleet", "alarms");
  first();
  await turn(50);
  expect(server.said).toHaveLength(2);
  second();
  await vi.waitFor(() => expect(server.said.at(-1)).toBe("unsubscribe fleet"));
  expect(server.open).toHaveLength(1);
  other();
  await vi.waitFor(() => expect(server.open).toHaveLength(0));
});

test("a second listener gets what comes at first, too", async () => {
  server.onJoin = () => [{ type: "fleet.snapshot", payload: { devices: [], final: true } }];
  open();
  listen("fleet");
  await vi.waitFor(() => expect(heard.map(({ type }) => type)).toContain("fleet.snapshot"));
  const late: string[] = [];
  leaves.push(door.listen("fleet", ({ type }) => late.push(type)));
  await vi.waitFor(() => expect(late).toContain("fleet.snapshot"));
});

test("leaving and joining in the same task says nothing", async () => {
  open();
  listen("alarms");
  const leave = listen("fleet");
  await joined("alarms", "fleet");
  leave();
  listen("fleet");
  await turn(50);
  expect(server.said).toHaveLength(2);
});

test("after a loss the rooms are joined again", async () => {
  open();
  listen("fleet");
  await joined("fleet");
  server.last.terminate();
  await joined("fleet", "fleet");
  expect(server.open).toHaveLength(1);
});

test("a message reaches the listeners of its room only", async () => {
  open();
  listen("device/ems_001");
  listen("alarms");
  await joined("device/ems_001", "alarms");
  heard.length = 0;
  server.send({ type: "telemetry", payload: { device_id: "ems_002" } });
  server.send({ type: "device.event", payload: { device_id: "ems_001" } });
  server.send({ type: "alarm", payload: { id: 1 } });
  await vi.waitFor(() => expect(heard.map(({ type }) => type)).toEqual(["device.event", "alarm"]));
});

test("the room of a device that was removed is joined again, for the next one of its name", async () => {
  open();
  listen("device/ems_001");
  listen("devices");
  await joined("device/ems_001", "devices");
  server.send({ type: "device.removed", payload: { device_id: "ems_001" } });
  server.send({ type: "device.removed", payload: { device_id: "ems_002" } });
  await joined("device/ems_001", "devices", "device/ems_001");
  await turn(50);
  expect(server.said).toHaveLength(3);
});

test("malformed frames are ignored, and the stream goes on", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  open();
  listen("alarms");
  await joined("alarms");
  heard.length = 0;
  const bad = ["", "{", "null", "[]", "7", `{"type":7}`, "{}", "[".repeat(50_000), `{"type":"alarm","payload":[]}`];
  for (const frame of bad) server.send(frame);
  server.last.send(Buffer.from([1, 2, 3]));
  server.send({ type: "alarm", payload: { id: 2 } });
  await vi.waitFor(() => expect(heard.at(-1)?.payload).toEqual({ id: 2 }));
  expect(door.getState().status).toBe("OPEN");
  expect(warned).toHaveBeenCalled();
});

test("every frame in and out is told to who looks at the wire", async () => {
  open();
  const frames: string[] = [];
  leaves.push(door.onFrame(({ direction, text }) => frames.push(`${direction} ${(JSON.parse(text) as DoorMessage).type}`)));
  listen("fleet");
  await vi.waitFor(() => expect(frames).toEqual(["in system.connection", "out subscribe", "in subscribed"]));
});

test("a socket that falls silent is asked, and replaced when it does not answer", async () => {
  open({ quietMs: 50, answerMs: 50 });
  listen("fleet");
  await joined("fleet");
  await turn(1_500);
  expect(server.peers).toHaveLength(1);
  server.pongs = false;
  await vi.waitFor(() => expect(server.peers.length).toBeGreaterThan(1), { timeout: 10_000 });
}, 20_000);

test("on a line whose answers take their time, a socket is given longer, and stays", async () => {
  open({ quietMs: 20, answerMs: 100 });
  listen("fleet");
  await joined("fleet");
  server.pongs = false;
  server.delayedPongMs = 500;
  await vi.waitFor(() => expect(server.peers.length).toBeGreaterThan(1), { timeout: 10_000 });
  // With the same patience for each it would be a dozen.
  await turn(5_000);
  expect(server.peers.length).toBeLessThanOrEqual(6);
}, 30_000);

test("after a silence the new socket is measured at once, so that the next silence is told as soon", async () => {
  open({ quietMs: 3_600_000, answerMs: 500 });
  listen("fleet");
  await joined("fleet");
  server.pongs = false;
  dispatchEvent(new Event("pageshow"));
  await vi.waitFor(() => expect(server.pings).toBe(1));
  server.pongs = true;
  await vi.waitFor(() => expect(server.peers).toHaveLength(2), { timeout: 10_000 });
  await vi.waitFor(() => expect(server.pings).toBe(2));
  // Within the first patience, not twice as long: the quick answer has been noted.
  server.pongs = false;
  dispatchEvent(new Event("pageshow"));
  await vi.waitFor(() => expect(server.peers).toHaveLength(3), { timeout: 10_000 });
}, 30_000);

test("after a sleep a dead socket is replaced, though the monotonic clock stood still", async () => {
  open({ quietMs: 3_600_000, answerMs: 500 });
  listen("fleet");
  await joined("fleet");
  server.pongs = false;
  const { now } = Date;
  vi.spyOn(Date, "now").mockImplementation(() => now() + 8 * 3_600_000);
  await vi.waitFor(() => expect(server.peers.length).toBeGreaterThan(1), { timeout: 10_000 });
}, 20_000);

test("a page that was asleep for longer than its token renews it and goes on", async () => {
  server.greets = false;
  const renew = vi.fn(() => {
    server.greets = true;
    return Promise.resolve(true);
  });
  const onSessionEnded = vi.fn();
  open({ renew, onSessionEnded });
  listen("fleet");
  await vi.waitFor(() => expect(door.getState().status).toBe("OPEN"), { timeout: 15_000 });
  expect(renew).toHaveBeenCalled();
  expect(onSessionEnded).not.toHaveBeenCalled();
}, 20_000);

test.each([
  ["the cookies are good", () => Promise.resolve(true)],
  ["the cookies cannot be renewed at present", () => Promise.reject(new Error("no network"))],
  ["nobody renews cookies", undefined],
])("a socket that opens and is never greeted is replaced, though %s", async (_, answer) => {
  server.greets = false;
  const renew = answer === undefined ? undefined : vi.fn(answer);
  open({ ...(renew !== undefined && { renew }) });
  listen("fleet");
  await vi.waitFor(() => expect(server.peers).toHaveLength(3), { timeout: 20_000 });
  server.greets = true;
  await vi.waitFor(() => expect(door.getState().status).toBe("OPEN"), { timeout: 15_000 });
  expect(server.open).toHaveLength(1);
}, 40_000);

test("a session that cannot be renewed is over: the page is told once, and nothing is tried again", async () => {
  server.refuse = true;
  const onSessionEnded = vi.fn();
  open({ renew: () => Promise.resolve(false), onSessionEnded });
  listen("fleet");
  await vi.waitFor(() => expect(onSessionEnded).toHaveBeenCalledOnce());
  server.refuse = false;
  await turn(200);
  expect(server.peers).toHaveLength(0);
  expect(door.getState()).toMatchObject({ status: "CLOSED", ended: true });
});

test("a server that refuses a good session is not asked in a loop", async () => {
  server.refuse = true;
  const renew = vi.fn(() => Promise.resolve(true));
  open({ renew, backoff: { baseMs: 60_000, capMs: 60_000, random: () => 1 } });
  listen("fleet");
  await turn(500);
  expect(renew).toHaveBeenCalledOnce();
  expect(door.getState().retryAt).toBeGreaterThan(performance.now() + 30_000);
});

test("a server out of reach does not end the session", async () => {
  server.refuse = true;
  const onSessionEnded = vi.fn();
  open({ renew: () => Promise.reject(new Error("no network")), onSessionEnded });
  listen("fleet");
  await turn(300);
  expect(onSessionEnded).not.toHaveBeenCalled();
  server.refuse = false;
  await joined("fleet");
});

test("a hidden page leaves the rooms that only matter to the eye, and joins them again when it is shown", async () => {
  open({ parkAfterMs: 20 });
  listen("fleet");
  listen("alarms", { whenHidden: true });
  await joined("fleet", "alarms");
  hide(true);
  await vi.waitFor(() => expect(server.said.at(-1)).toBe("unsubscribe fleet"));
  hide(false);
  await vi.waitFor(() => expect(server.said.at(-1)).toBe("subscribe fleet"));
  expect(server.peers).toHaveLength(1);
});

test("a page that is hidden for a moment keeps its rooms", async () => {
  open({ parkAfterMs: 60_000 });
  listen("fleet");
  await joined("fleet");
  hide(true);
  hide(false);
  await turn(50);
  expect(server.said).toHaveLength(1);
});
