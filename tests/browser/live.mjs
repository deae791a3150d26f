// Drives the live page of a real ems-cloud in a real Chromium, and tells the test on stdout what it sees, a word and
// JSON a line. The test changes the world meanwhile: it stops the device, the network and the cloud when it has read
// that the page waits for it.
//
// From the environment: PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, SCREENSHOTS (a folder).

import assert from "node:assert/strict";
import { DESKTOP, openWindow, overflow, PHONE, screenshot, serious, tell, withBrowser } from "./browser.mjs";

const { PAGE_URL, PAGE_USER, PAGE_PASSWORD } = process.env;
/** How long the voltage is watched, ms. */
const WATCH = 12_000;

await withBrowser(async (browser) => {
  const { context, page, complaints } = await openWindow(browser, { ...DESKTOP, colorScheme: "light" });
  const errors = [];
  const sent = [];
  page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => sent.push(JSON.parse(payload))));
  await logIn(page);
  // Before, the browser complains about each refusal.
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));

  await watchVoltage(page);
  await screenshot(page, "live-desktop-light");
  await readCurves(page);
  await inEveryDress(browser, context, page.url());
  await hideAndShow(page, sent);
  // From here on lost connections are complained about, and rightly.
  tell("complaints", [...complaints, ...errors]);

  await loseTheDevice(page);
  await loseTheLine(page);
  await sleepAndWake(page);
  await loseTheNetwork(page);
  await loseTheCloud(page);
  await byKeyboard(browser);
  tell("broken", complaints);
  await logOut(page, context);
});

async function logIn(page) {
  await page.goto(PAGE_URL);
  const submit = async (password) => {
    await page.getByTestId("login-username").fill(PAGE_USER);
    await page.getByTestId("login-password").fill(password);
    await page.getByTestId("login-submit").click();
  };
  await submit("not the password");
  await page.getByRole("alert").filter({ hasText: /password/ }).waitFor();
  await screenshot(page, "login-desktop-light");
  tell("serious-login", await serious(page, "login"));
  await page.evaluate(() => {
    const began = performance.now();
    addEventListener("submit", () => (window.submittedAt = performance.now()), { capture: true, once: true });
    new MutationObserver((_, observer) => {
      if (!/\d/.test(document.querySelector('[data-testid="device-row"] .number')?.textContent ?? "")) return;
      window.firstValueAfter = performance.now() - (window.submittedAt ?? began);
      observer.disconnect();
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
  });
  await submit(PAGE_PASSWORD);
  const row = deviceRow(page);
  await row.getByTestId("device-online").filter({ hasText: /^online$/ }).waitFor();
  await row.getByText("%").first().waitFor();
  tell("first-value-ms", await page.evaluate(() => Math.round(window.firstValueAfter)));
  await screenshot(page, "fleet-desktop-light");
  tell("devices", await page.getByTestId("device-row").count());
  await row.getByRole("link").click();
}

async function watchVoltage(page) {
  await voltageOf(page, /\d/);
  for (const [id, pattern] of [
    ["live-current", /-?\d/],
    ["live-soc", /\d/],
    ["live-age", /ago/],
    ["live-state", /[A-Z]/],
    ["device-online", /^online/],
    ["connection-status", /^connected$/],
  ]) {
    await page.getByTestId(id).filter({ hasText: pattern }).waitFor();
  }
  const readings = await page.getByTestId("live-voltage").evaluate(
    (element, duration) =>
      new Promise((resolve) => {
        const readings = [element.textContent];
        const observer = new MutationObserver(() => {
          if (readings.at(-1) !== element.textContent) readings.push(element.textContent);
        });
        observer.observe(element, { characterData: true, childList: true, subtree: true });
        setTimeout(() => {
          observer.disconnect();
          resolve(readings);
        }, duration);
      }),
    WATCH,
  );
  tell("voltages", readings);
  const painted = await page.getByTestId("live-chart").locator("canvas").evaluateAll((canvases) =>
    canvases.map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, index) => index % 4 === 3 && value > 0).length;
    }),
  );
  tell("painted", painted);
}

/** One cursor over all curves, a span marked with the mouse, a pause, and back. */
async function readCurves(page) {
  const charts = page.getByTestId("live-chart");
  const title = page.getByTestId("charts-title");
  await page.getByTestId("window-1").click();
  await title.filter({ hasText: "Last minute" }).waitFor();
  const box = await charts.locator(".u-over").first().boundingBox();
  await page.mouse.move(box.x + box.width - 20, box.y + 30);
  const shown = await charts.locator(".u-cursor-x").evaluateAll((lines) => lines.map((line) => line.style.transform !== "" && !line.classList.contains("u-off")));
  tell("cursors", shown);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 120, box.y + 30, { steps: 4 });
  await page.mouse.up();
  await title.filter({ hasText: /^Held/ }).waitFor();
  await page.getByTestId("chart-pause").click();
  await title.filter({ hasText: "Last minute" }).waitFor();
  await page.getByTestId("window-15").click();
}

/** Phone and desk, dark and light: nothing is wider than the screen, and axe finds nothing serious. */
async function inEveryDress(browser, context, url) {
  const found = [];
  const tooWide = [];
  for (const [size, options] of [["phone", PHONE], ["desktop", DESKTOP]]) {
    for (const colorScheme of ["dark", "light"]) {
      const storageState = await context.storageState();
      const { context: other, page } = await openWindow(browser, { ...options, colorScheme, storageState });
      for (const [name, address] of [["live", url], ["fleet", PAGE_URL]]) {
        await page.goto(address);
        await page.getByTestId("device-online").filter({ hasText: /^online/ }).first().waitFor();
        if (name === "live") await voltageOf(page, /\d/);
        found.push(...(await serious(page, `${name} ${size} ${colorScheme}`)));
        tooWide.push(await overflow(page));
        await screenshot(page, `${name}-${size}-${colorScheme}`);
      }
      await other.close();
    }
  }
  tell("overflow", Math.max(...tooWide));
  tell("serious", found);
}

/** A hidden page draws nothing and leaves the device's room; shown again, it has what it missed. */
async function hideAndShow(page, sent) {
  await page.evaluate(() => {
    window.strokes = 0;
    const stroke = CanvasRenderingContext2D.prototype.stroke;
    CanvasRenderingContext2D.prototype.stroke = function (...path) {
      window.strokes += 1;
      return stroke.apply(this, path);
    };
    Object.defineProperty(document, "hidden", { configurable: true, get: () => window.isHidden === true });
  });
  const show = (shown) =>
    page.evaluate((visible) => {
      window.isHidden = !visible;
      document.dispatchEvent(new Event("visibilitychange"));
    }, shown);
  const said = (type) => sent.filter((message) => message.type === type && message.payload.rooms.includes("device/ems_001"));
  const joined = said("subscribe").length;
  await show(false);
  await page.waitForTimeout(500);
  const before = await page.evaluate(() => window.strokes);
  while (said("unsubscribe").length === 0) await page.waitForTimeout(200);
  await page.waitForTimeout(4_000);
  const strokes = (await page.evaluate(() => window.strokes)) - before;
  const shown = await text(page, "live-voltage");
  await show(true);
  await voltageOf(page, another(shown));
  while (said("subscribe").length === joined) await page.waitForTimeout(200);
  // Three steps of the slider lie in the time that was missed.
  const slider = page.locator(".cursor-slider");
  await slider.focus();
  for (let i = 0; i < 3; i += 1) await page.keyboard.press("ArrowLeft");
  await page.locator('.cursor-slider[aria-valuetext*="Voltage 5"]').waitFor();
  await page.keyboard.press("Escape");
  tell("hidden", { strokes, since: typeof said("subscribe").at(-1).payload.since });
}

async function loseTheDevice(page) {
  tell("stop-the-device");
  await page.getByTestId("device-online").filter({ hasText: /^offline/ }).waitFor();
  await page.locator(".tiles.is-stale").waitFor();
  const before = await text(page, "live-voltage");
  tell("start-the-device");
  await page.getByTestId("device-online").filter({ hasText: /^online/ }).waitFor();
  await voltageOf(page, another(before));
}

/** The device cannot reach the cloud for a while: a gap, which its backlog fills. */
async function loseTheLine(page) {
  tell("cut-the-line");
  await page.getByTestId("device-online").filter({ hasText: /^offline/ }).waitFor();
  const shown = await text(page, "live-voltage");
  await page.locator(".tile-note").filter({ hasText: / s old$/ }).first().waitFor();
  tell("mend-the-line");
  await page.getByTestId("device-online").filter({ hasText: /^online/ }).waitFor();
  await voltageOf(page, another(shown));
  // What lies a few seconds back was measured without a line.
  await page.getByTestId("window-1").click();
  const slider = page.locator(".cursor-slider");
  await slider.focus();
  for (let back = 0; back < 5; back += 1) await page.keyboard.press("ArrowLeft");
  await page.locator('.cursor-slider[aria-valuetext*="Voltage 5"]').waitFor();
  await page.keyboard.press("Escape");
  await page.getByTestId("window-15").click();
}

/** The clock jumps by eight hours and the sockets are dead, as after a night with the lid closed. */
async function sleepAndWake(page) {
  tell("hold-the-network");
  await page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 8 * 3_600_000;
  });
  await page.locator('[data-testid="connection-status"]:not([data-status="OPEN"])').waitFor();
  tell("release-the-network");
  await recovered(page);
  await page.getByTestId("live-age").filter({ hasText: /^(< 1|1|2) s ago/ }).waitFor();
  tell("awake");
}

/** Nothing comes through any more, and nothing says so: only silence. */
async function loseTheNetwork(page) {
  const before = await text(page, "live-voltage");
  tell("hold-the-network");
  const began = Date.now();
  await page.locator('[data-testid="connection-status"]:not([data-status="OPEN"])').waitFor();
  tell("said-after-ms", Date.now() - began);
  tell("release-the-network");
  await recovered(page);
  await voltageOf(page, another(before));
}

async function loseTheCloud(page) {
  const status = page.getByTestId("connection-status");
  tell("kill-the-cloud");
  await page.locator('[data-testid="connection-status"]:not([data-status="OPEN"])').waitFor();
  tell("lost", await status.textContent());
  await page.setViewportSize(PHONE.viewport);
  await page.getByRole("banner").getByRole("button", { name: "Try now" }).waitFor();
  tell("overflow-lost", await overflow(page));
  await screenshot(page, "lost-phone", {});
  await page.setViewportSize(DESKTOP.viewport);
  const before = await text(page, "live-voltage");
  tell("start-the-cloud");
  await recovered(page);
  await voltageOf(page, another(before));
  tell("recovered");
}

/** Log in, choose a device, stop the curves, read them, and change the colours, without a mouse. */
async function byKeyboard(browser) {
  const { context, page } = await openWindow(browser, DESKTOP);
  await page.goto(PAGE_URL);
  await page.getByTestId("login-username").waitFor();
  await page.keyboard.type(PAGE_USER);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PAGE_PASSWORD);
  await page.keyboard.press("Enter");
  await deviceRow(page).waitFor();
  await tabTo(page, '[data-row="0"]');
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await voltageOf(page, /\d/);
  await tabTo(page, '[data-testid="chart-pause"]');
  await page.keyboard.press("Enter");
  await page.getByTestId("charts-title").filter({ hasText: /^Held/ }).waitFor();
  await page.keyboard.press("Space");
  await tabTo(page, ".cursor-slider");
  await page.keyboard.press("ArrowLeft");
  await page.locator(".charts-time").filter({ hasText: /\d/ }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".charts-time").filter({ hasText: /^$/ }).waitFor({ state: "attached" });
  await tabTo(page, '[aria-label^="Menu of"]');
  await page.keyboard.press("Enter");
  await tabTo(page, '[name="theme"]');
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.locator('html[data-theme="dark"]').waitFor();
  await context.close();
  tell("keyboard");
}

/** Presses Tab until the focus is there; a page has no more stops than that. */
async function tabTo(page, selector) {
  for (let i = 0; i < 60; i += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the Tab key does not reach ${selector}`);
}

async function logOut(page, context) {
  await page.getByRole("button", { name: /^Menu of/ }).click();
  await page.getByTestId("logout").click();
  await page.getByTestId("login-username").waitFor();
  const answer = await context.request.get(new URL("/api/devices", PAGE_URL).href);
  tell("after-logout", answer.status());
}

function recovered(page) {
  return page.locator('[data-testid="connection-status"][data-status="OPEN"]').waitFor();
}

function deviceRow(page) {
  return page.locator('[data-testid="device-row"][data-device-id="ems_001"]');
}

function voltageOf(page, pattern) {
  return page.getByTestId("live-voltage").filter({ hasText: pattern }).waitFor();
}

/** Any text but this one. */
function another(before) {
  return new RegExp(`^(?!${before.replace(".", "\\.")}$)`);
}

async function text(page, id) {
  const content = await page.getByTestId(id).textContent();
  assert.match(content, /\d/);
  return content;
}
