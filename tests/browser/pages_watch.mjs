// A browser that forgives nothing: what breaks the policy, throws, opens a dialog or is logged as an error is a complaint.

import { launch, logIn, openWindow } from "./browser.mjs";

/** Of a desk and of a pocket, px. */
export const SCREENS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

export const complaints = [];

export const browser = await launch();

/** A window of its own, logged in if a `user` is given. */
export async function open({ url, user }) {
  const { page } = await openWindow(browser, { viewport: SCREENS.desktop }, complaints);
  page.on("console", (message) => {
    const text = message.text();
    // The browser says that a request was refused; the tests look at the answer of each.
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) complaints.push(`${page.url()}: ${text}`);
  });
  if (user === undefined) await page.goto(url);
  else await logIn(page, url, user.name, user.password);
  return page;
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
