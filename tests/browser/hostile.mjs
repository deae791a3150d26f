// Fifty devices that come and go, one of them with strings that want to be more than text, under the eyes of the page.
//
// From the environment: PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, SCREENSHOTS, DEVICES (JSON: [{ id, token }], the
// first one is the hostile one).

import WebSocket from "ws";
import { DESKTOP, PHONE, logIn, openWindow, overflow, screenshot, serious, tell, withBrowser } from "./browser.mjs";

const { PAGE_URL, PAGE_USER, PAGE_PASSWORD, DEVICES } = process.env;
const devices = JSON.parse(DEVICES);
/** How long the devices come and go, ms. */
const UNREST = 15_000;

const NASTY = [
  `<img src=x onerror="window.hacked=1">`,
  `<script>window.hacked=1</script>`,
  `"><svg onload=window.hacked=1>`,
  "javascript:window.hacked=1",
  "\u202Egnp.exe \u2066\u2067 \u0627\u0644\u0628\u0637\u0627\u0631\u064A\u0629",
  "Z\u0351\u036B\u0343\u036A\u0302\u036B\u033D\u034F\u0334\u0319\u0324\u031E\u0349\u035A\u032F\u031E\u0320\u034Dalgo",
  "W".repeat(1_000),
  "\u{1F525}".repeat(200),
  "{{7*7}} ${7*7} %s \\0",
];

await withBrowser(async (browser) => {
  const { page, complaints } = await openWindow(browser, DESKTOP);
  await logIn(page, PAGE_URL, PAGE_USER, PAGE_PASSWORD);
  await page.getByTestId("device-row").first().waitFor();
  let restless = true;
  const lives = devices.map((device, i) => flap(device, i === 0, () => restless));
  await page.waitForTimeout(UNREST / 2);
  await screenshot(page, "hostile-fleet", {});
  // A select is as wide as its widest option, if it may.
  await page.evaluate(
    ([group, id]) => fetch(group, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ device_ids: [id] }) }),
    [`/api/groups/${"north-".repeat(16)}`, devices[0].id],
  );
  await page.setViewportSize(PHONE.viewport);
  await page.getByTestId("fleet-group").waitFor();
  tell("overflow", await overflow(page));
  await screenshot(page, "hostile-fleet-phone", {});
  await page.setViewportSize(DESKTOP.viewport);
  await page.goto(`${PAGE_URL}/devices/${devices[0].id}`);
  await page.getByTestId("live-voltage").filter({ hasText: /\d/ }).waitFor();
  await page.waitForTimeout(UNREST / 2);
  await screenshot(page, "hostile-live");
  tell("overflow", await overflow(page));
  tell("serious", await serious(page, "hostile live"));
  restless = false;
  const sockets = await Promise.all(lives);
  await page.goto(PAGE_URL);
  await page.getByTestId("fleet-search").fill("ems_");
  tell("wrong", await untilRight(page));
  tell("hacked", await page.evaluate(() => window.hacked ?? null));
  tell("foreign-elements", await page.locator("img, iframe, object, embed, script:not([src])").count());
  tell("complaints", complaints);
  for (const socket of sockets) socket.terminate();
});

/** Connects, says a few things and drops, again and again; stays connected at the end if its turn says so. */
async function flap({ id, token }, hostile, restless) {
  let seq = 0;
  let socket;
  do {
    socket = await connect(id, token);
    for (let i = 0; i < 3; i += 1) {
      seq += 1;
      send(socket, "telemetry", sample(id, seq, hostile));
      send(socket, "device.event", event(seq, hostile));
      await pause(100 + Math.random() * 400);
    }
    if (restless()) {
      if (Math.random() < 0.5) socket.close();
      else socket.terminate();
      await pause(Math.random() * 1_500);
    }
  } while (restless());
  if (socket.readyState !== WebSocket.OPEN) socket = await connect(id, token);
  // Every second one stays, and goes on.
  if (Number(id.slice(-1)) % 2 === 0) socket.close();
  else setInterval(() => send(socket, "telemetry", sample(id, (seq += 1), hostile)), 1_000).unref();
  return socket;
}

async function connect(id, token) {
  const socket = new WebSocket(`${PAGE_URL.replace("http", "ws")}/ws/device/${id}`, "ems.v1", {
    headers: { authorization: `Bearer ${token}` },
  });
  socket.on("error", () => {});
  await new Promise((opened) => socket.once("open", opened).once("close", opened));
  send(socket, "device.hello", { boot_id: `boot-${id}`, firmware_version: "0" });
  return socket;
}

function send(socket, type, payload) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type, payload }));
}

function sample(id, seq, hostile) {
  return {
    device_id: id,
    timestamp: new Date().toISOString(),
    boot_id: `boot-${id}`,
    seq,
    battery: { voltage: 52 + Math.random(), current: Math.random() * 20 - 10, soc: Math.random() * 100, ...(hostile && { warnings: NASTY }) },
    ...(hostile && {
      system_status: { error_flags: NASTY, firmware_version: NASTY[seq % NASTY.length] },
      grid: { power: 5, status: NASTY[(seq + 1) % NASTY.length] },
    }),
  };
}

function event(seq, hostile) {
  const text = hostile ? NASTY[seq % NASTY.length] : "nothing special";
  // Longer than the contract allows, now and then: refused, and nobody is the worse for it.
  const message = hostile && seq % 5 === 0 ? "L".repeat(10_000) : text;
  return { timestamp: new Date().toISOString(), severity: "warning", code: hostile ? text : "FLAP", message, details: { text } };
}

/** The devices of which the page says another thing than the server; empty as soon as there are none. */
async function untilRight(page) {
  let wrong = ["the page was not looked at"];
  for (let i = 0; i < 60 && wrong.length > 0; i += 1) {
    await pause(500);
    const answer = await page.request.get(`${PAGE_URL}/api/devices`);
    const truth = new Map((await answer.json()).devices.map((device) => [device.device_id, device.status]));
    const shown = new Map();
    // Only the rows in sight exist: the page is walked through.
    for (let top = 0; top < 4_000; top += 500) {
      await page.evaluate((y) => scrollTo(0, y), top);
      await pause(50);
      const rows = await page.getByTestId("device-row").evaluateAll((found) =>
        found.map((row) => [row.dataset.deviceId, row.querySelector('[data-testid="device-online"]').textContent]),
      );
      for (const [id, status] of rows) shown.set(id, status);
    }
    wrong = [...truth].filter(([id, status]) => shown.get(id) !== status).map(([id, status]) => `${id}: ${shown.get(id)}, not ${status}`);
  }
  return wrong;
}

function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
