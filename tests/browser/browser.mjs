// What the scripts of this folder share: a real Chromium, a log of what it complains about, words to the test.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
/** What only a hang takes, ms. */
export const PATIENCE = 60_000;

const { CHROMIUM, SCREENSHOTS } = process.env;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch(flags = []) {
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] });
}

/** Runs `visit` with a browser that ends with it. */
export async function withBrowser(visit, flags = []) {
  const browser = await launch(flags);
  try {
    await visit(browser);
  } finally {
    await browser.close();
  }
}

/** A window of its own, which notes in `complaints` what the page breaks: scripts that fail, the policy. */
export async function openWindow(browser, options, complaints = []) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  await context.exposeBinding("complain", (_, text) => complaints.push(text));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      window.complain(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`),
    );
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`script: ${error}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const own = new URL(page.url() === "about:blank" ? request.url() : page.url()).host;
    if (new URL(request.url()).host !== own) complaints.push(`foreign request: ${request.url()}`);
  });
  return { context, page, complaints };
}

/** Logs in with mouse and typed text, and waits for the fleet. */
export async function logIn(page, url, user, password) {
  await page.goto(url);
  await page.getByTestId("login-username").fill(user);
  await page.getByTestId("login-password").fill(password);
  await page.getByTestId("login-submit").click();
  await page.getByTestId("logout").waitFor({ state: "attached" });
}

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds serious or worse, one sentence each. */
export async function serious(page, where) {
  // Evaluated by the debugger, which the page's policy does not bind.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ""}`).join(" | ")}`);
}

/** How far the page is wider than the window, px. A phone's `innerWidth` grows with a page that is too wide. */
export function overflow(page) {
  return page.evaluate((width) => document.documentElement.scrollWidth - width, page.viewportSize().width);
}

export function screenshot(page, name, options = { fullPage: true }) {
  return page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), ...options });
}

/** A word to the test, with a value. */
export function tell(word, value = null) {
  console.log(`${word} ${JSON.stringify(value)}`);
}
