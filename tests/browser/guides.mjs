// Runs clients as the two guides describe them in a page of a real ems-cloud, with a session, in a real Chromium, and
// tells the test on stdout what they got, a word and JSON a line. The hook is bundled with the dashboard's own React.
//
// From the environment: PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, DEVICE_ID.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const { PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, DEVICE_ID } = process.env;
const HERE = import.meta.dirname;
const DASHBOARD = path.join(HERE, "../../dashboard");
/** What only a hang takes, ms. */
const PATIENCE = 60_000;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await refusedWithoutSession(page);
  await logIn(page);
  await typedMessages(page);
  await bareTelemetry(page);
} finally {
  await browser.close();
}

/** Nobody is logged in: the handshake passes, and then nothing is answered. */
async function refusedWithoutSession(page) {
  await page.goto(PAGE_URL);
  tell("without-session", await page.evaluate(typedClient));
}

async function logIn(page) {
  const status = await page.evaluate(async ([username, password]) => {
    const body = JSON.stringify({ username, password });
    return (await fetch("/api/login", { method: "POST", body })).status;
  }, [PAGE_USER, PAGE_PASSWORD]);
  assert.equal(status, 200);
}

/** The ANITA guide's client. */
async function typedMessages(page) {
  tell("typed", await page.evaluate(typedClient));
}

/** In the page: opens the UWB room, asks for the devices when it is open, and listens until it is told them. */
async function typedClient() {
  const seen = [];
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws/uwb`);
  socket.addEventListener("open", () => {
    socket.send(JSON.stringify({ type: "get_active_devices", payload: {} }));
  });
  return await new Promise((resolve) => {
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      seen.push(message);
      if (message.type === "uwb.device_list") {
        socket.close();
        resolve({ seen, devices: message.payload.devices, closed: null });
      }
    });
    socket.addEventListener("close", (event) => resolve({ seen, devices: null, closed: event.code }));
  });
}

/** The EMS guide's hook. */
async function bareTelemetry(page) {
  const script = await bundle("guides/live.js");
  await page.evaluate((id) => void (globalThis.DEVICE_ID = id), DEVICE_ID);
  await page.evaluate(script);
  await page.locator("#live").filter({ hasText: /^OPEN \d/ }).waitFor();
  await page.waitForFunction(() => globalThis.frames_seen.length >= 3);
  tell("bare", await page.evaluate(() => globalThis.frames_seen));
  await page.evaluate(() => globalThis.unmount());
  tell("unmounted", await page.locator("#live").count());
}

/** One script of `entry` and the dashboard's own React. */
async function bundle(entry) {
  const fromDashboard = createRequire(path.join(DASHBOARD, "package.json"));
  const { rolldown } = await import(pathToFileURL(fromDashboard.resolve("rolldown")));
  const build = await rolldown({
    input: path.join(HERE, entry),
    platform: "browser",
    resolve: { modules: [path.join(DASHBOARD, "node_modules")] },
    transform: { define: { "process.env.NODE_ENV": '"production"' } },
  });
  const { output } = await build.generate({ format: "iife" });
  return output[0].code;
}

function tell(word, value) {
  process.stdout.write(`${word} ${JSON.stringify(value)}\n`);
}
