// A browser that forgives nothing: what breaks the policy, throws, or opens a dialog is a complaint.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";

const { CHROMIUM, SCREENSHOTS } = process.env;
const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = 60_000;
/** Of a desk and of a pocket, px. */
export const SCREENS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

export const complaints = [];

export const browser = await chromium.launch({
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

/** A window of its own, logged in if a `user` is given. */
export async function open({ url, user }) {
  const context = await browser.newContext({ viewport: SCREENS.desktop });
  context.setDefaultTimeout(PATIENCE);
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error}`));
  page.on("dialog", (dialog) => {
    complaints.push(`${page.url()}: a dialog opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    const text = message.text();
    // Refusals are asked for here, and the browser tells of each.
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) complaints.push(`${page.url()}: ${text}`);
  });
  await page.goto(url);
  if (user !== undefined) {
    await page.getByTestId("login-username").fill(user.name);
    await page.getByTestId("login-password").fill(user.password);
    await page.getByTestId("login-submit").click();
    await page.getByTestId("logout").waitFor({ state: "attached" });
  }
  return page;
}

/** What axe finds that is serious or worse: a sentence each. */
export async function seriousFindings(page) {
  // An inline script would break the policy; the debugger may add one.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.slice(0, 3).map((node) => `${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`));
}

/** How far the page is wider than the window, px. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

/** Presses Tab until the element with this test id has the focus, which has to be seen. */
export async function tabTo(page, testId) {
  for (let i = 0; i < 120; i += 1) {
    await page.keyboard.press("Tab");
    const [found, outline] = await page.evaluate((wanted) => {
      const active = document.activeElement;
      return [active?.getAttribute("data-testid") === wanted, active === null ? "" : getComputedStyle(active).outlineStyle];
    }, testId);
    if (!found) continue;
    if (outline === "none") throw new Error(`${testId} has the focus, but nothing shows it`);
    return;
  }
  throw new Error(`the keyboard does not reach ${testId}`);
}

export function screenshot(page, name) {
  return page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

export function tell(word, value = null) {
  console.log(`${word} ${JSON.stringify(value)}`);
}
