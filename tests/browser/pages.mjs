// Drives the pages of operators and admins of a real ems-cloud in a real Chromium, and tells the test on stdout what
// it sees, a word and JSON a line.
//
// From the environment: PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, SCREENSHOTS (a folder), ODD_TOKEN (of the
// device odd_001, which this script plays).

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { overflow, screenshot, serious, tell } from "./browser.mjs";
import { device } from "./pages_device.mjs";
import { browser, complaints, open, SCREENS, tabTo } from "./pages_watch.mjs";

const { PAGE_URL, PAGE_USER, PAGE_PASSWORD, ODD_TOKEN } = process.env;
const ADMIN = { name: PAGE_USER, password: PAGE_PASSWORD };
const VIEWER = { name: "vera", password: "only-looks-at-it" };
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const HARM = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202Ekcab";
const HARMFUL_TAG = "<svg/onload=alert(3)>";
const RIGHT_TO_LEFT = "\u05e9\u05dc\u05d5\u05dd مرحبا";

/** The looks of which screenshots are kept. */
const KEPT = ["desktop-light", "phone-dark"];
/** Name, address, and what has come when the page is there. */
const PAGES = [
  ["history", "/devices/odd_001/history?span=7d", "history-panel"],
  ["commands", "/devices/ems_001/commands", "action-PING"],
  ["events", "/devices/odd_001/events", "event"],
  ["alarms", "/alarms", "notify"],
  ["rules", "/alarms/rules", "rule"],
  ["uwb", "/uwb", "uwb-tag"],
  ["messages", "/messages", "message"],
  ["devices", "/admin/devices", "registry-row"],
  ["users", "/admin/users", "user-row"],
  ["sessions", "/admin/sessions", "session"],
  ["webhooks", "/admin/webhooks", "new-webhook"],
  ["audit", "/admin/audit", "audit-entry"],
  ["account", "/account", "account"],
];

const at = (path) => new URL(path, PAGE_URL).href;

try {
  const odd = await device({ url: PAGE_URL, id: "odd_001", token: ODD_TOKEN });
  const page = await open({ url: at("/admin/devices"), user: ADMIN });
  await provision(page);
  await sendCommands(page);
  await readHostileEvents(page, odd);
  await acknowledgeAlarm(page, odd);
  await lookAtTags(page, odd);
  await lookBack(page, odd);
  await readFrames(page, odd);
  await tellElsewhere(page);
  await beViewer(page);
  await byKeyboard(page);
  await lookAtAll(page, odd);
  tell("complaints", complaints);
  odd.close();
} finally {
  await browser.close();
}

async function provision(page) {
  await page.getByTestId("new-device-id").fill("new_001");
  await page.getByTestId("new-device-name").fill(HARM);
  await page.getByTestId("add-device").click();
  const token = await page.getByTestId("secret-token").textContent();
  assert.match(token, /^sk_/);
  await screenshot(page, "pages-secret");
  const lines = await page.getByTestId("secret-lines").textContent();
  assert.ok(lines.includes(token));
  assert.ok(!(await page.getByTestId("secret-command").textContent()).includes(token));
  // It is shown once: it does not go away by accident, and not come back.
  await page.keyboard.press("Escape");
  assert.ok(await page.getByTestId("secret").isVisible());
  await page.getByTestId("secret-kept").check();
  await page.getByTestId("secret-close").click();
  assert.ok(!(await page.content()).includes(token));
  tell("provisioned", lines);
  await page.locator('[data-device-id="new_001"]').getByText("online", { exact: true }).waitFor();
  assert.equal(await page.locator('[data-device-id="new_001"] img').count(), 0);
  tell("online", "new_001");
}

async function sendCommands(page) {
  await page.goto(at("/devices/ems_001/commands"));
  await page.getByTestId("action-PING").click();
  await page.getByTestId("send-command").click();
  tell("command", await outcome(page));
  await screenshot(page, "pages-commands");
  const list = page.getByTestId("command-list").getByTestId("command");
  const before = await list.count();
  await page.getByTestId("action-RESTART").click();
  await page.getByTestId("send-command").click();
  await page.getByTestId("confirm").waitFor();
  await screenshot(page, "pages-confirm");
  await page.keyboard.press("Escape");
  await page.getByTestId("confirm").waitFor({ state: "detached" });
  tell("asked-first", (await list.count()) === before);
}

async function outcome(page) {
  const sent = page.getByTestId("just-sent").getByTestId("command");
  await sent.and(page.locator('[data-status="SUCCEEDED"], [data-status="FAILED"], [data-status="REJECTED"]')).waitFor();
  const result = sent.getByTestId("command-result");
  return {
    status: await sent.getAttribute("data-status"),
    result: (await result.count()) > 0 ? await result.textContent() : "",
  };
}

async function readHostileEvents(page, odd) {
  await page.goto(at("/devices/odd_001/events"));
  await page.getByText("This device has told of nothing yet.").waitFor();
  odd.event("error", "SENSOR_LOST", HARM, { html: HARM, long: "x".repeat(10_000) });
  odd.event("warning", "RTL", RIGHT_TO_LEFT);
  odd.event("info", HARM.slice(0, 20).replaceAll(/[^A-Z_]/g, "X"), "y".repeat(1_000));
  await page.getByTestId("event").nth(2).waitFor();
  await page.getByText("Details").first().click();
  await screenshot(page, "pages-events");
  const events = page.getByTestId("events");
  tell("hostile", {
    elements: await events.locator("img, script").count(),
    shown: (await events.textContent()).includes(HARM) && (await events.textContent()).includes(RIGHT_TO_LEFT),
  });
}

async function acknowledgeAlarm(page, odd) {
  await page.goto(at("/alarms/rules"));
  const form = page.getByTestId("new-rule");
  await form.locator("[name=name]").fill(`Low ${HARM}`);
  await form.locator("[name=threshold]").fill("20");
  await form.locator("[name=hysteresis]").fill("5");
  await form.locator("[name=device_id]").fill("odd_001");
  await form.locator("[name=severity]").selectOption("error");
  await form.getByRole("button", { name: "Add the rule" }).click();
  await page.getByTestId("rule").filter({ hasText: "over at 25" }).waitFor();
  await screenshot(page, "pages-rules");

  odd.live({ voltage: 48, soc: 12, current: -5, power: -240 });
  await page.getByTestId("alarm-banner").waitFor();
  const title = /^\(1\) /.test(await page.title());
  await page.goto(at("/alarms"));
  const alarm = page.getByTestId("alarm").filter({ hasText: "odd_001" }).first();
  await alarm.getByTestId("acknowledge").waitFor();
  await screenshot(page, "pages-alarms");
  await alarm.getByTestId("acknowledge").click();
  await alarm.getByTestId("acknowledged").filter({ hasText: PAGE_USER }).waitFor();
  await page.getByTestId("alarm-banner").waitFor({ state: "detached" });
  odd.live({ voltage: 52, soc: 80, current: 5, power: 260 });
  await page.getByTestId("alarms-all").click();
  const over = alarm.and(page.locator('[data-over="true"]'));
  await over.waitFor();
  tell("alarm", { title, by: await over.locator("bdi", { hasText: PAGE_USER }).textContent(), over: true });
}

async function lookAtTags(page, odd) {
  await page.goto(at("/uwb"));
  const walk = (step) => {
    odd.tag("tag_1", 2 + step * 0.2, 3, 0.3);
    odd.tag("tag_2", 8, 1 + step * 0.15, 0.8);
    odd.tag(HARMFUL_TAG, 5, 4, 0.2);
  };
  walk(0);
  await page.getByTestId("uwb-tag").nth(2).waitFor();
  for (let step = 1; step <= 10; step += 1) walk(step);
  await page.locator('[data-tag="tag_1"][data-x="4"]').waitFor();
  const radius = () => page.locator(".accuracy").first().evaluate((circle) => Number(circle.getAttribute("r")));
  await screenshot(page, "pages-uwb");
  const before = await radius();
  await page.getByRole("button", { name: "Zoom in" }).click();
  const zoomed = (await radius()) / before;
  await page.getByTestId("uwb-plan").focus();
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("button", { name: "All" }).click();
  tell("tags", { tags: await page.getByTestId("uwb-tag").count(), zoomed });
}

async function lookBack(page, odd) {
  const now = Date.now();
  const gap = [now - 1.5 * DAY, now - 1.25 * DAY];
  await odd.past(now - 2 * DAY, now, (ms) => {
    if (ms > gap[0] && ms < gap[1]) return null;
    const wave = Math.sin((2 * Math.PI * ms) / DAY);
    return { voltage: 52 + wave, soc: 50 + 30 * wave, current: 20 * wave, power: 1_000 * wave };
  });
  await page.goto(at("/devices/odd_001/history?span=7d"));
  await page.getByTestId("history-panel").first().locator("canvas").waitFor();
  const painted = await page.locator(".history-plot canvas").evaluateAll((canvases) => canvases.map((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, index) => index % 4 === 3 && value > 0).length;
  }));
  await page.getByText(/kWh charged/).first().waitFor();
  await screenshot(page, "pages-history");

  const answer = await page.context().request.get(
    at(`/api/devices/odd_001/history?from=${new Date(now - 2 * DAY).toISOString()}&to=${new Date(now).toISOString()}&step=hour&fields=battery.soc`),
  );
  const { at: starts } = await answer.json();
  const missing = starts.filter((ms, i) => i > 0 && ms - starts[i - 1] > 60 * MINUTE).length;

  await page.getByTestId("span-24h").click();
  await page.getByRole("button", { name: "Earlier" }).click();
  await page.getByTestId("compare").click();
  await page.getByLabel("Compare with device").fill("ems_001");
  await page.keyboard.press("Enter");
  await page.getByText("Without ems_001").waitFor();
  await page.getByTestId("history-panel").first().getByText("ems_001").waitFor();
  await screenshot(page, "pages-history-compared");
  const words = await page.getByTestId("history-span").textContent();
  await page.goto(page.url());
  await page.getByTestId("history-span").filter({ hasText: words }).waitFor();
  await page.getByText("Without ems_001").waitFor();

  await page.goto(at("/devices/odd_001/history?span=7d"));
  await page.getByText("Export").click();
  const href = await page.getByTestId("export-csv").getAttribute("href");
  const csv = await page.context().request.get(at(href));
  assert.equal(csv.status(), 200, await csv.text());
  assert.match(csv.headers()["content-disposition"] ?? "", /attachment/);
  tell("past", { painted, gap: missing, restored: true, compared: true, csv: (await csv.text()).trim().split("\n").length });
}

async function readFrames(page, odd) {
  await page.goto(at("/messages?device=odd_001"));
  const told = () => odd.live({ voltage: 52, soc: 80, current: 5, power: 260 });
  const telemetry = page.locator('[data-testid="message"][data-type="telemetry"]');
  told();
  await telemetry.first().waitFor();
  await page.getByTestId("messages-pause").click();
  const before = await telemetry.count();
  told();
  await page.getByText(/more came since the pause/).waitFor();
  const held = (await telemetry.count()) === before;
  await page.getByTestId("messages-pause").click();
  await telemetry.nth(before).waitFor();
  await page.getByTestId("messages-types").getByLabel(/^telemetry/).check();
  await page.locator('[data-testid="message"]:not([data-type="telemetry"])').first().waitFor({ state: "detached" });
  await telemetry.first().getByRole("button").click();
  await screenshot(page, "pages-messages");
  tell("frames", { held, filtered: (await page.getByTestId("message").count()) === (await telemetry.count()) });
}

async function tellElsewhere(page) {
  const received = [];
  const receiver = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString();
    received.push({ headers: request.headers, body });
    response.writeHead(204).end();
  });
  await new Promise((listening) => receiver.listen(0, "127.0.0.1", listening));
  await page.goto(at("/admin/webhooks"));
  const form = page.getByTestId("new-webhook");
  await form.locator("[name=name]").fill(HARM);
  await form.locator("[name=url]").fill(`http://127.0.0.1:${receiver.address().port}/told`);
  await form.getByRole("button", { name: "Add" }).click();
  const secret = await page.getByTestId("webhook-secret").textContent();
  await page.getByTestId("secret-kept").check();
  await page.getByTestId("secret-close").click();
  assert.ok(!(await page.content()).includes(secret));
  await page.getByTestId("webhook-test").click();
  await page.locator('[data-testid="delivery"][data-state="delivered"]').waitFor();
  await screenshot(page, "pages-webhooks");
  const [{ headers, body }] = received;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const signature = `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
  tell("told", { signed: headers["webhook-signature"] === signature });
  receiver.close();
}

async function beViewer(page) {
  await page.goto(at("/admin/users"));
  const form = page.getByTestId("new-user");
  await form.locator("[name=username]").fill(VIEWER.name);
  await form.locator("[name=password]").fill(VIEWER.password);
  await form.getByRole("button", { name: "Add" }).click();
  await page.getByTestId("user-row").filter({ hasText: VIEWER.name }).waitFor();
  await form.locator("[name=username]").fill(`${RIGHT_TO_LEFT} ${HARM}`.slice(0, 64).trim());
  await form.locator("[name=password]").fill(VIEWER.password);
  await form.getByRole("button", { name: "Add" }).click();
  await page.getByTestId("user-row").nth(2).waitFor();
  await screenshot(page, "pages-users");

  const theirs = await open({ url: at("/devices/ems_001/commands"), user: VIEWER });
  await theirs.getByText("takes the role operator").waitFor();
  const buttons = await theirs.locator('[data-testid^="action-"], [data-testid="send-command"]').count();
  await screenshot(theirs, "pages-viewer");
  const admin = await theirs.getByRole("navigation", { name: "Pages", exact: true }).getByText("Admin").count();
  await theirs.goto(at("/admin/users"));
  await theirs.getByText("needs the role admin").waitFor();
  const headers = { origin: new URL(PAGE_URL).origin };
  const { request } = theirs.context();
  const asked = await request.post(at("/api/devices/ems_001/commands"), { headers, data: { action: "PING" } });
  const seen = await request.post(at("/api/alarms/1/acknowledge"), { headers, data: {} });
  const users = await request.get(at("/api/users"));
  tell("viewer", { buttons, admin, command: asked.status(), acknowledge: seen.status(), users: users.status() });
  await theirs.context().close();
}

async function byKeyboard(page) {
  await page.goto(at("/devices/ems_001/commands"));
  await page.getByTestId("action-READ_NOW").waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  await tabTo(page, "action-READ_NOW");
  await page.keyboard.press("Enter");
  await tabTo(page, "send-command");
  await page.keyboard.press("Enter");
  tell("by-keyboard", (await outcome(page)).status);
}

/** Every page on both screens and in both colours. */
async function lookAtAll(page, odd) {
  const [findings, tooWide] = [[], []];
  for (const [name, path, ready] of PAGES) {
    await page.goto(at(path));
    odd.tag("tag_1", 4, 3, 0.3);
    await page.getByTestId(ready).first().waitFor();
    for (const [size, viewport] of Object.entries(SCREENS)) {
      await page.setViewportSize(viewport);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        const where = `${name}, ${size}, ${colorScheme}`;
        findings.push(...(await serious(page, where)));
        if ((await overflow(page)) > 0) tooWide.push(`${where}: ${await overflow(page)} px`);
        if (KEPT.includes(`${size}-${colorScheme}`)) await screenshot(page, `pages-${name}-${size}-${colorScheme}`);
      }
    }
  }
  tell("findings", findings);
  tell("too-wide", tooWide);
}
