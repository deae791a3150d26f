import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "../src/App";
import { UserText } from "../src/pages/shared/UserText";
import { SessionProvider } from "../src/session";
import { json, TestServer } from "./server";

let server: TestServer;
let role: string;
let listed: object[];
let shown: { title: string; body: string | undefined }[];

/** A browser that has allowed notifications. */
class AllowedNotification extends EventTarget {
  static permission = "granted";
  constructor(title: string, options: NotificationOptions) {
    super();
    shown.push({ title, body: options.body });
  }
}

beforeEach(async () => {
  server = await TestServer.start();
  [role, listed, shown] = ["operator", [], []];
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: vi.fn(), removeEventListener: vi.fn() }));
  vi.stubGlobal("scrollTo", vi.fn());
  vi.stubGlobal("Notification", AllowedNotification);
  server.handler = (request, response, url) => {
    if (url.pathname === "/api/me") json(response, { username: "kim", role });
    else if (url.pathname === "/api/alarms") json(response, { alarms: listed });
    else if (url.pathname === "/api/alarms/1/acknowledge" && request.method === "POST") {
      const seen = { ...alarm(1), acknowledged_at: new Date().toISOString(), acknowledged_by: "kim" };
      json(response, seen);
      server.send({ type: "alarm", payload: seen });
    } else json(response, { status: 404, detail: "No such thing." }, 404);
  };
  (globalThis as unknown as { jsdom: { reconfigure: (to: { url: string }) => void } }).jsdom.reconfigure({
    url: `${server.url}/alarms`,
  });
  localStorage.setItem("ems-notify", "on");
});

afterEach(async () => {
  cleanup();
  localStorage.clear();
  vi.unstubAllGlobals();
  await server.stop();
});

test("an alarm stands above the page and in its title until somebody has acknowledged it", async () => {
  listed = [alarm(1)];
  open();
  expect((await screen.findByTestId("alarm-banner", {}, PATIENCE)).textContent).toContain("State of charge is 12 %, below 20 %");
  await waitFor(() => expect(document.title).toBe("(1) Alarms – EMS"), PATIENCE);
  fireEvent.click(await screen.findByTestId("acknowledge", {}, PATIENCE));
  expect((await screen.findByTestId("acknowledged", {}, PATIENCE)).textContent).toContain("kim");
  await waitFor(() => expect(screen.queryByTestId("alarm-banner")).toBeNull(), PATIENCE);
  expect(document.title).toBe("Alarms – EMS");
});

test("the banner and the list have the device's name and the fault in words, and keep the codes", async () => {
  const message = "the device says OVERVOLTAGE, SENSOR_LOST, CELL_7_HIGH";
  listed = [{ ...alarm(1), device_name: "Barn", kind: "fault", name: "Fault", message, value: null, threshold: null }];
  open();
  const banner = await screen.findByTestId("alarm-banner", {}, PATIENCE);
  expect(banner.textContent).toContain("Barn");
  expect(banner.textContent).toContain("The voltage is above the limit: charging is off.");
  expect(banner.textContent).toContain("Cell 7 high");
  expect(banner.textContent).not.toMatch(/ems_001|OVERVOLTAGE/);
  expect(banner.innerHTML).toContain('title="OVERVOLTAGE, SENSOR_LOST, CELL_7_HIGH"');
  const entry = await screen.findByTestId("alarm", {}, PATIENCE);
  expect(entry.textContent).toMatch(/Barn.*The voltage is above the limit.*OVERVOLTAGE/);
});

test("a text that somebody else wrote leaves no direction open for the rest of its line", () => {
  const { container } = render(<UserText>{"to \u2067 and no further"}</UserText>);
  expect(container.textContent).toBe("to  and no further");
});

test("a device without a name is called by its id", async () => {
  listed = [{ ...alarm(1), device_name: " ", kind: "offline", message: "offline for 10 min" }];
  open();
  expect((await screen.findByTestId("alarm-banner", {}, PATIENCE)).textContent).toContain("ems_001 Battery low offline for 10 min");
});

test("a viewer sees an alarm, and has nothing to acknowledge it with", async () => {
  role = "viewer";
  listed = [alarm(1)];
  open();
  expect(await screen.findByText("Not acknowledged", {}, PATIENCE)).toBeDefined();
  expect(screen.queryByTestId("acknowledge")).toBeNull();
  expect(screen.queryByTestId("banner-acknowledge")).toBeNull();
});

test("a browser that may notify does so for an alarm that is new, once, and only while nobody looks at the page", async () => {
  listed = [alarm(1)];
  open();
  await screen.findByTestId("alarm-banner", {}, PATIENCE);
  server.send({ type: "alarm", payload: alarm(2) });
  await screen.findByText(/All 2 alarms/, {}, PATIENCE);
  expect(shown).toEqual([]);
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  server.send({ type: "alarm", payload: alarm(3) });
  server.send({ type: "alarm", payload: alarm(3) });
  await waitFor(() => expect(shown).toEqual([{ title: "ems_001: Battery low", body: "State of charge is 12 %, below 20 %" }]), PATIENCE);
});

test("an alarm that is over while the list of all is on its way is shown as over", async () => {
  listed = [alarm(1)];
  open();
  await screen.findByTestId("acknowledge", {}, PATIENCE);
  const { handler } = server;
  let answer: (() => void) | undefined;
  server.handler = (request, response, url) => {
    if (url.pathname !== "/api/alarms" || url.searchParams.get("state") !== "all") return handler(request, response, url);
    // Of the time before.
    const body = { alarms: [alarm(1)] };
    answer = () => json(response, body);
  };
  const asked = server.requests.length;
  fireEvent.click(screen.getByTestId("alarms-all"));
  await waitFor(() => expect(server.requests.length).toBeGreaterThan(asked), PATIENCE);
  server.send({ type: "alarm", payload: { ...alarm(1), cleared_at: new Date().toISOString() } });
  await waitFor(() => expect(screen.queryByTestId("alarm-banner")).toBeNull(), PATIENCE);
  answer?.();
  await waitFor(() => expect(screen.getByTestId("alarm").dataset["over"]).toBe("true"), PATIENCE);
});

/** A busy machine is slow. */
const PATIENCE = { timeout: 10_000 };

function open(): void {
  render(
    <SessionProvider>
      <App />
    </SessionProvider>,
  );
}

function alarm(id: number): Record<string, unknown> {
  return {
    id,
    rule: 1,
    device_id: "ems_001",
    device_name: null,
    name: "Battery low",
    kind: "below",
    severity: "error",
    message: "battery.soc is 12, below 20",
    value: 12,
    threshold: 20,
    raised_at: new Date().toISOString(),
    cleared_at: null,
    acknowledged_at: null,
    acknowledged_by: null,
  };
}
