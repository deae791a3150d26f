import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "../src/App";
import { SessionProvider } from "../src/session";
import { json, sample, TestServer } from "./server";

// jsdom has no canvas: the curves are drawn, and looked at, in a real browser.
vi.mock("../src/components/LiveCharts", () => ({ LiveCharts: () => null }));

let server: TestServer;
let loggedIn: boolean;

beforeEach(async () => {
  server = await TestServer.start();
  loggedIn = false;
  server.handler = (request, response, url) => {
    const problem = (status: number, detail: string) => json(response, { type: "about:blank", status, detail }, status);
    const user = { username: "kim", role: "operator" };
    const device = { device_id: "ems_001", name: "Shed", online: true, since: null, last_seen: null, latest: sample(3) };
    const other = { device_id: "ems_002", name: null, online: false, since: null, last_seen: null, latest: null };
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
    else if (url.pathname === "/api/devices") json(response, { devices: [device, other, { broken: true }] });
    else if (url.pathname === "/api/devices/ems_001") json(response, device);
    else if (url.pathname.endsWith("/telemetry")) json(response, { device_id: "ems_001", samples: [], truncated: false });
    else problem(404, "No such device.");
  };
  goTo("/");
});

afterEach(async () => {
  cleanup();
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
  expect(screen.getByText("1 of 2 online")).toBeDefined();
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
