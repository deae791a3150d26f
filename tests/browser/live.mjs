// Drives the live page of a real ems-cloud in a real Chromium, and tells the test on stdout what it sees, a word and
// JSON a line. The test changes the world meanwhile: it stops the device and the cloud when it has read that the page
// waits for it.
//
// From the environment: PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, SCREENSHOTS (a folder).

import assert from "node:assert/strict";
import path from "node:path";
import { chromium } from "playwright-core";

const { PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, SCREENSHOTS } = process.env;
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
/** How long the voltage is watched, ms. */
const WATCH = 12_000;
/** What only a hang takes, ms. */
const PATIENCE = 60_000;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  await visit();
} finally {
  await browser.close();
}

async function visit() {
  const context = await browser.newContext({ viewport: DESKTOP });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  // Before, the browser complains about each refusal.
  await logIn(page);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));

  await watchVoltage(page);
  await screenshot(page, "live-desktop");
  await onThePhone(context, page.url());
  // From here on lost connections are complained about, and rightly.
  tell("complaints", complaints);

  await loseTheDevice(page);
  await loseTheCloud(page);
  await logOut(page, context);
}

async function logIn(page) {
  await page.goto(PAGE_URL);
  const submit = async (password) => {
    await page.getByTestId("login-username").fill(PAGE_USER);
    await page.getByTestId("login-password").fill(password);
    await page.getByTestId("login-submit").click();
  };
  await submit("not the password");
  await page.getByRole("alert").filter({ hasText: /password/ }).waitFor();
  await submit(PAGE_PASSWORD);
  const row = deviceRow(page);
  await row.getByTestId("device-online").filter({ hasText: /^online$/ }).waitFor();
  await row.getByText("%").first().waitFor();
  await screenshot(page, "devices-desktop");
  tell("devices", await page.getByTestId("device-row").count());
  await row.getByRole("link").click();
}

async function watchVoltage(page) {
  await voltageOf(page, /\d/);
  for (const [id, pattern] of [
    ["live-current", /-?\d/],
    ["live-soc", /\d/],
    ["live-age", /ago/],
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

async function onThePhone(context, url) {
  const phone = await browser.newContext({
    viewport: PHONE,
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
    storageState: await context.storageState(),
  });
  const page = await phone.newPage();
  await page.goto(url);
  await voltageOf(page, /\d/);
  await page.getByTestId("device-online").filter({ hasText: /^online/ }).waitFor();
  await screenshot(page, "live-phone");
  tell("overflow", await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth));
  await phone.close();
}

async function loseTheDevice(page) {
  tell("stop-the-device");
  await page.getByTestId("device-online").filter({ hasText: /^offline/ }).waitFor();
  const before = await text(page, "live-voltage");
  tell("start-the-device");
  await page.getByTestId("device-online").filter({ hasText: /^online/ }).waitFor();
  await voltageOf(page, new RegExp(`^(?!${before.replace(".", "\\.")}$)`));
}

async function loseTheCloud(page) {
  const status = page.getByTestId("connection-status");
  tell("kill-the-cloud");
  await page.locator('[data-testid="connection-status"]:not([data-status="OPEN"])').waitFor();
  tell("lost", await status.textContent());
  const before = await text(page, "live-voltage");
  tell("start-the-cloud");
  await page.locator('[data-testid="connection-status"][data-status="OPEN"]').waitFor();
  await voltageOf(page, new RegExp(`^(?!${before.replace(".", "\\.")}$)`));
  tell("recovered");
}

async function logOut(page, context) {
  await page.getByTestId("logout").click();
  await page.getByTestId("login-username").waitFor();
  const answer = await context.request.get(new URL("/api/devices", PAGE_URL).href);
  tell("after-logout", answer.status());
}

function deviceRow(page) {
  return page.locator('[data-testid="device-row"][data-device-id="ems_001"]');
}

function voltageOf(page, pattern) {
  return page.getByTestId("live-voltage").filter({ hasText: pattern }).waitFor();
}

async function text(page, id) {
  const content = await page.getByTestId(id).textContent();
  assert.match(content, /\d/);
  return content;
}

function screenshot(page, name) {
  return page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

function tell(word, value = null) {
  console.log(`${word} ${JSON.stringify(value)}`);
}
