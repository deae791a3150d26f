// Runs clients as the two guides describe them in a page of a real ems-cloud, with a session, in a real Chromium, and
// tells the test on stdout what they got, a word and JSON a line. The hook is bundled with the dashboard's own React.
//
// From the environment: PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, DEVICE_ID, BUNDLE (where the bundle goes).

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const { PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, DEVICE_ID, BUNDLE } = process.env;
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
  const rolldown = path.join(DASHBOARD, "node_modules/.bin/rolldown");
  execFileSync(rolldown, ["guides/live.js", "--file", BUNDLE, "--format", "iife", "--platform", "browser", "--transform.define", 'process.env.NODE_ENV:"production"'], {
    cwd: HERE,
    env: { ...process.env, NODE_PATH: path.join(DASHBOARD, "node_modules") },
  });
  const script = readFileSync(BUNDLE, "utf8");
  await page.evaluate((id) => void (globalThis.DEVICE_ID = id), DEVICE_ID);
  await page.evaluate(script);
  await page.locator("#live").filter({ hasText: /^OPEN \d/ }).waitFor();
  await page.waitForFunction(() => globalThis.frames_seen.length >= 3);
  tell("bare", await page.evaluate(() => globalThis.frames_seen));
  await page.evaluate(() => globalThis.unmount());
  tell("unmounted", await page.locator("#live").count());
}

function tell(word, value) {
  process.stdout.write(`${word} ${JSON.stringify(value)}\n`);
}
