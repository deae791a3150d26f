import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "../src/App";
import { SessionProvider } from "../src/session";
import { json, TestServer } from "./server";

let server: TestServer;
let asked: string[];

beforeEach(async () => {
  server = await TestServer.start();
  asked = [];
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: vi.fn(), removeEventListener: vi.fn() }));
  vi.stubGlobal("scrollTo", vi.fn());
  server.handler = (request, response, url) => {
    if (url.pathname === "/api/me") json(response, { username: "kim", role: "viewer" });
    else if (url.pathname === "/api/alarms") json(response, { alarms: [] });
    else if (url.pathname === "/api/me/password") {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        asked.push(body);
        if (body.includes("right")) response.writeHead(204).end();
        else json(response, { status: 400, detail: "old_password is not the present password" }, 400);
      });
    } else json(response, { status: 404, detail: "No such thing." }, 404);
  };
  (globalThis as unknown as { jsdom: { reconfigure: (to: { url: string }) => void } }).jsdom.reconfigure({
    url: `${server.url}/account`,
  });
  render(
    <SessionProvider>
      <App />
    </SessionProvider>,
  );
});

afterEach(async () => {
  cleanup();
  vi.unstubAllGlobals();
  await server.stop();
});

test("a new password has to be typed twice and the old one be right; then one logs in anew", async () => {
  await fill("wrong-old", "new-password", "other-password");
  expect(await screen.findByText("The new passwords are not the same.")).toBeDefined();
  expect(asked).toEqual([]);
  await fill("wrong-old", "new-password", "new-password");
  expect(await screen.findByText("old_password is not the present password", {}, PATIENCE)).toBeDefined();
  await fill("right-old", "new-password", "new-password");
  expect(await screen.findByTestId("login-username", {}, PATIENCE)).toBeDefined();
  expect(asked.at(-1)).toBe('{"old_password":"right-old","new_password":"new-password"}');
});

/** A busy machine is slow. */
const PATIENCE = { timeout: 10_000 };

async function fill(...values: string[]): Promise<void> {
  const labels = [/^Present password/, /^New password \(/, /^New password again/];
  for (const [i, label] of labels.entries()) {
    fireEvent.change(await screen.findByLabelText(label, {}, PATIENCE), { target: { value: values[i] } });
  }
  fireEvent.submit(screen.getByRole("form", { name: "Change the password" }));
}
