import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "../src/App";
import { SessionProvider } from "../src/session";
import { json, sample, TestServer } from "./server";

// jsdom has no canvas: the curves are drawn, and looked at, in a real browser.
vi.mock("../src/charts/LiveCharts", () => ({ LiveCharts: () => null }));

let server: TestServer;
let loggedIn: boolean;

const FLEET = [
  { device_id: "ems_001", name: "Shed", connected: true, status: "online", soc: 85, voltage: 50.03 },
  { device_id: "ems_002", connected: false, status: "offline" },
  { broken: true },
];

const presence = (online: boolean) => ({
  type: "device.status",
  payload: { device_id: "ems_001", online, connected: online, status: online ? "online" : "offline", last_seen: new Date().toISOString() },
});

beforeEach(async () => {
  server = await TestServer.start();
  loggedIn = false;
  // jsdom lays nothing out: every question about the screen is answered as a wide, light one would.
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: vi.fn(), removeEventListener: vi.fn() }));
  vi.stubGlobal("scrollTo", vi.fn());
  server.onJoin = (room) =>
    room === "fleet" ? [{ type: "fleet.snapshot", payload: { devices: FLEET, final: true } }] : [presence(true)];
  server.handler = (request, response, url) => {
    const problem = (status: number, detail: string) => json(response, { type: "about:blank", status, detail }, status);
    const user = { username: "kim", role: "operator" };
    const device = { device_id: "ems_001", name: "Shed", online: true, since: null, last_seen: null, latest: sample(3) };
    if (url.pathname === "/api/login") {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        loggedIn = body === JSON.stringify({ username: "kim", password: "right" });
        if (loggedIn) json(response, user);
        else problem(401, "User name or password is wrong.");
      });
    } else if (!loggedIn) problem(401, "Log in first.");
    else if (url.pathname === "/api/logout") {
      loggedIn = false;
      response.writeHead(204).end();
    } else if (url.pathname === "/api/me") json(response, user);
    else if (url.pathname === "/api/alarms") json(response, { alarms: [] });
    else if (url.pathname === "/api/devices/ems_001") json(response, device);
    else if (url.pathname.endsWith("/telemetry")) json(response, { device_id: "ems_001", samples: [], truncated: false });
    else problem(404, "No such device.");
  };
  goTo("/");
});

afterEach(async () => {
  cleanup();
  vi.unstubAllGlobals();
  await server.stop();
});

function goTo(path: string): void {
  (globalThis as unknown as { jsdom: { reconfigure: (to: { url: string }) => void } }).jsdom.reconfigure({ url: `${server.url}${path}` });
}

function open(): void {
  render(
    <SessionProvider>
      <App />
    </SessionProvider>,
  );
}

async function logIn(password = "right"): Promise<void> {
  fireEvent.change(await screen.findByTestId("login-username"), { target: { value: "kim" } });
  fireEvent.change(screen.getByTestId("login-password"), { target: { value: password } });
  fireEvent.click(screen.getByTestId("login-submit"));
}

test("a wrong password is answered with the server's sentence", async () => {
  open();
  await logIn("wrong");
  expect(await screen.findByText("User name or password is wrong.")).toBeDefined();
});

test("after the login the list shows each readable device with its state", async () => {
  open();
  await logIn();
  const rows = await screen.findAllByTestId("device-row");
  const states = rows.map((row) => [row.dataset["deviceId"], within(row).getByTestId("device-online").textContent]);
  expect(states).toEqual([
    ["ems_001", "online"],
    ["ems_002", "offline"],
  ]);
  expect(screen.getByTestId("fleet-summary").textContent).toBe("1 of 2 online");
});

test("a logged-in user lands on the page of the address and sees live values", async () => {
  loggedIn = true;
  goTo("/devices/ems_001");
  open();
  expect((await screen.findByTestId("live-voltage")).textContent).toBeDefined();
  await waitFor(() => expect(screen.getByTestId("connection-status").dataset["status"]).toBe("OPEN"));
  server.send({ type: "telemetry", payload: sample(4, { battery: { voltage: 53.2, current: -4.5, soc: 85 } }) });
  await waitFor(() => expect(screen.getByTestId("live-voltage").textContent).toBe("53.200"));
  expect(screen.getByTestId("live-current").textContent).toBe("−4.50");
  expect(screen.getByTestId("live-soc").textContent).toBe("85.0");
  expect(screen.getByTestId("device-online").textContent).toBe("online");
});

test("a reading that failed shows no old value, but the reason", async () => {
  loggedIn = true;
  goTo("/devices/ems_001");
  open();
  await waitFor(() => expect(screen.getByTestId("live-voltage").textContent).toBe("50.030"));
  await waitFor(() => expect(server.open).toHaveLength(1));
  const gap = { battery: {}, system_status: { error_flags: ["SENSOR_LOST"] } };
  server.send({ type: "telemetry", payload: sample(4, gap) });
  await waitFor(() => expect(screen.getByTestId("live-voltage").textContent).toBe("–"));
  expect(screen.getByRole("alert").textContent).toContain("SENSOR_LOST");
});

test("a session that ends shows the login and returns to the same page after it", async () => {
  loggedIn = true;
  goTo("/devices/ems_001");
  open();
  await waitFor(() => expect(server.open).toHaveLength(1));
  loggedIn = false;
  server.last.close(4010);
  expect(await screen.findByText("Your session has ended. Please log in again.")).toBeDefined();
  await logIn();
  expect(await screen.findByTestId("live-voltage")).toBeDefined();
});

test("logging out closes the socket and shows the login", async () => {
  loggedIn = true;
  goTo("/devices/ems_001");
  open();
  await waitFor(() => expect(server.open).toHaveLength(1));
  fireEvent.click(screen.getByTestId("logout"));
  expect(await screen.findByTestId("login-username")).toBeDefined();
  await waitFor(() => expect(server.open).toHaveLength(0));
});

test("without a connection the fleet is shown as it was, and says so", async () => {
  loggedIn = true;
  open();
  await waitFor(() => expect(screen.getAllByTestId("device-online").map(({ textContent }) => textContent)).toEqual(["online", "offline"]));
  server.refuse = true;
  server.last.terminate();
  await waitFor(() => expect(screen.getAllByTestId("device-online").map(({ textContent }) => textContent)).toEqual(["last online", "last offline"]));
  expect(screen.getByTestId("fleet-summary").textContent).toMatch(/^As of .*\d:\d.*: 1 of 2 online$/);
  const rows = screen.getAllByTestId("device-row");
  expect(rows.every((row) => row.classList.contains("is-stale") && row.querySelector(".dot-idle") !== null)).toBe(true);
  // Let in only now: the page's own next try would take the button away.
  const again = await screen.findByText("Try now");
  server.refuse = false;
  fireEvent.click(again);
  await waitFor(() => expect(screen.getByTestId("fleet-summary").textContent).toBe("1 of 2 online"));
  expect(screen.getAllByTestId("device-online").map(({ textContent }) => textContent)).toEqual(["online", "offline"]);
});

test("the fleet's names are links to the Live view, over the same socket", async () => {
  loggedIn = true;
  open();
  fireEvent.click(await screen.findByRole("link", { name: "Shed" }));
  expect(await screen.findByTestId("live-voltage")).toBeDefined();
  expect(location.pathname).toBe("/devices/ems_001");
  await waitFor(() => expect(server.said).toEqual(["subscribe alarms", "subscribe fleet", "unsubscribe fleet", "subscribe device/ems_001"]));
  expect(server.peers).toHaveLength(1);
});

test("an address that no page has is said in words", async () => {
  loggedIn = true;
  for (const path of ["/nothing", "/devices/Not%20An%20Id", "/devices/%E0%A4%A"]) {
    goTo(path);
    open();
    expect(await screen.findByText("There is no page at this address.")).toBeDefined();
    cleanup();
  }
});

test("a session that outlived its access token is renewed in silence", async () => {
  loggedIn = true;
  const { handler } = server;
  let expired = true;
  server.handler = (request, response, url) => {
    if (url.pathname === "/api/refresh") expired = false;
    if (url.pathname === "/api/refresh") json(response, { username: "kim", role: "operator" });
    else if (expired) json(response, { status: 401 }, 401);
    else handler(request, response, url);
  };
  goTo("/devices/ems_001");
  open();
  await waitFor(() => expect(screen.getByTestId("live-voltage").textContent).toBe("50.030"));
});

test("a device that does not exist is said in words", async () => {
  loggedIn = true;
  goTo("/devices/ems_999");
  open();
  expect(await screen.findByText(/There is no device ems_999/)).toBeDefined();
});

test("a server out of reach is said in words, and asked again on request", async () => {
  const { handler } = server;
  server.handler = (request) => request.socket.destroy();
  open();
  const again = await screen.findByText("Try again");
  expect(screen.getByRole("alert").textContent).toContain("cannot be reached");
  server.handler = handler;
  fireEvent.click(again);
  expect(await screen.findByTestId("login-username")).toBeDefined();
});
