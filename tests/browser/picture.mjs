// The picture in the README: the Live view of a running demo, best after a quarter of an hour.
//
// From the environment: PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, SCREENSHOTS (the folder it is written to).

import { logIn, openWindow, screenshot, withBrowser } from "./browser.mjs";

const { PAGE_URL, PAGE_USER, PAGE_PASSWORD } = process.env;

await withBrowser(async (browser) => {
  const { page } = await openWindow(browser, { viewport: { width: 1280, height: 1060 }, colorScheme: "light" });
  await logIn(page, PAGE_URL, PAGE_USER, PAGE_PASSWORD);
  await page.goto(new URL("/devices/ems_001", PAGE_URL).href);
  await page.getByTestId("live-voltage").filter({ hasText: /\d/ }).waitFor();
  // The curves take turns to be painted.
  await page.waitForTimeout(2_000);
  await screenshot(page, "live", {});
});
