// Operates every page of a real ems-cloud with the keyboard alone, on a desk and in the size of a phone, and tells the
// test what is wrong: a sentence each.
//
// From the environment: PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, SCREENSHOTS (a folder), ODD_TOKEN (of the
// device odd_001, which this script plays).

import { overflow, screenshot, tell } from "./browser.mjs";
import { walk } from "./keyboard_walk.mjs";
import { device } from "./pages_device.mjs";
import { browser, complaints, open, SCREENS, tabTo } from "./pages_watch.mjs";

const { PAGE_URL, PAGE_USER, PAGE_PASSWORD, ODD_TOKEN } = process.env;
const MINUTE = 60_000;
const LONG = "a_device_with_a_very_long_identity_that_uses_all_63_letters_012";
const at = (path) => new URL(path, PAGE_URL).href;

/** Name, address, what has come when the page is there, and what is opened before the walk. */
const PAGES = [
  ["fleet", "/", "device-row"],
  ["live", "/devices/ems_001", "live-chart", ["summary:has-text('Choose curves')"]],
  ["live of a long name", `/devices/${LONG}`, "connection-status"],
  ["history", "/devices/odd_001/history?span=1h", "history-panel", ["text=From … to …", "[data-testid=compare]"]],
  ["commands", "/devices/odd_001/commands", "action-SET_MODE", ["[data-testid=action-SET_MODE]"]],
  ["events", "/devices/odd_001/events", "event", ["summary:has-text('Details') >> nth=0"]],
  ["alarms", "/alarms", "acknowledge"],
  ["rules", "/alarms/rules", "rule"],
  ["uwb", "/uwb", "uwb-tag"],
  ["messages", "/messages?device=odd_001", "message", ["[data-testid=messages-pause]"]],
  ["devices", "/admin/devices", "registry-row"],
  ["users", "/admin/users", "user-row"],
  ["sessions", "/admin/sessions", "session"],
  ["webhooks", "/admin/webhooks", "webhook", ["text=Deliveries"]],
  ["audit", "/admin/audit", "audit-entry", ["summary:has-text('Filter')"]],
  ["account", "/account", "account"],
  ["nowhere", "/no/such/page", "page-connection"],
];

/** Dialogs: the page, the button that opens it, and what has the focus when it is there. */
const DIALOGS = [
  ["confirm a command", "/devices/odd_001/commands", "[data-testid=send-command]", "Cancel", "[data-testid=action-RESTART]"],
  ["rename a device", "/admin/devices", "[data-device-id=odd_001] >> text=Rename"],
  ["replace a token", "/admin/devices", "[data-device-id=odd_001] >> text=New token", "Cancel"],
  ["remove a device", "/admin/devices", "[data-device-id=odd_001] >> text=Remove", "Cancel"],
  ["change a user", "/admin/users", "[data-testid=user-row]:has-text('vera') >> text=Change"],
  ["remove a user", "/admin/users", "[data-testid=user-row]:has-text('vera') >> text=Remove", "Cancel"],
  ["end a session", "/admin/sessions", "[data-testid=session] >> text=End >> nth=0", "Cancel"],
  ["remove a rule", "/alarms/rules", "[data-testid=rule] >> text=Remove >> nth=0", "Cancel"],
  ["remove a webhook", "/admin/webhooks", "[data-testid=webhook] >> text=Remove >> nth=0", "Cancel"],
];

try {
  const odd = await device({ url: PAGE_URL, id: "odd_001", token: ODD_TOKEN, actions: ["PING", "SET_MODE", "RESTART"] });
  const wrong = [];
  wrong.push(...(await logIn()));
  const page = await open({ url: at("/admin/devices"), user: { name: PAGE_USER, password: PAGE_PASSWORD } });
  await fill(page, odd);
  let stops = 0;
  for (const [size, viewport] of Object.entries(SCREENS)) {
    await page.setViewportSize(viewport);
    for (const [name, path, ready, opened = []] of PAGES) {
      await page.goto(at(path));
      odd.tag("tag_1", 4, 3, 0.3);
      odd.live({ voltage: 52, soc: 12, current: 5, power: 260 });
      await page.getByTestId(ready).first().waitFor();
      for (const selector of opened) await page.locator(selector).click();
      const found = await walk(page, `${name}, ${size}`);
      if ((await overflow(page)) > 0) found.wrong.push(`${name}, ${size}: ${await overflow(page)} px wider than the window`);
      if (found.wrong.length > 0) await screenshot(page, `keyboard-${name}-${size}`);
      wrong.push(...found.wrong);
      stops += found.stops;
    }
  }
  tell("stops", stops);
  await page.setViewportSize(SCREENS.desktop);
  for (const dialog of DIALOGS) wrong.push(...(await inAndOut(page, dialog)));
  wrong.push(...(await addDevice(page)), ...(await menu(page)), ...(await exportMenu(page)));
  tell("wrong", wrong);
  tell("complaints", complaints);
  odd.close();
} finally {
  await browser.close();
}

/** The login page, which nobody sees who is logged in. */
async function logIn() {
  const page = await open({ url: at("/") });
  const wrong = [];
  for (const [size, viewport] of Object.entries(SCREENS)) {
    await page.setViewportSize(viewport);
    await page.getByTestId("login-username").waitFor();
    wrong.push(...(await walk(page, `login, ${size}`)).wrong);
  }
  await page.context().close();
  return wrong;
}

/** Something on every page. */
async function fill(page, odd) {
  const { request } = page.context();
  const ask = async (path, data) => {
    const answer = await request.post(at(path), { headers: { origin: new URL(PAGE_URL).origin }, data });
    if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
  };
  await ask("/api/devices", { device_id: LONG, name: "The battery in the second cellar, behind the blue door" });
  await ask("/api/users", { username: "vera", password: "only-looks-at-it", role: "viewer" });
  await ask("/api/alarms/rules", { name: "Battery low", kind: "below", field: "battery.soc", threshold: 20, severity: "error" });
  await ask("/api/alarms/rules", { name: "Away", kind: "offline", device_id: LONG, for_s: 9e5, severity: "info" });
  await ask("/api/webhooks", { name: "Control room", url: "http://127.0.0.1:9/told", events: ["alarm.raised"] });
  odd.event("error", "SENSOR_LOST", "The INA226 at 0x40 does not answer.", { tries: 3 });
  const now = Date.now();
  await odd.past(now - 40 * MINUTE, now, () => ({ voltage: 52, soc: 50, current: 5, power: 260 }));
  odd.live({ voltage: 52, soc: 12, current: 5, power: 260 });
}

/** A dialog is opened, keeps the focus, is left with Escape, and gives the focus back to where it came from. */
async function inAndOut(page, [name, path, opener, focused, before]) {
  await page.goto(at(path));
  if (before !== undefined) await page.locator(before).click();
  const button = page.locator(opener).first();
  await button.focus();
  await page.keyboard.press("Enter");
  const dialog = page.locator("dialog[open]");
  await dialog.waitFor();
  const wrong = [];
  const within = await page.evaluate(() => document.activeElement?.closest("dialog") !== null && document.activeElement?.textContent);
  if (within === false) wrong.push(`${name}: the dialog does not get the focus`);
  else if (focused !== undefined && within !== focused) wrong.push(`${name}: the focus is on ${JSON.stringify(within)}, not on ${focused}`);
  wrong.push(...(await walk(page, name)).wrong);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  if (!(await button.evaluate((element) => element === document.activeElement))) {
    wrong.push(`${name}: after the dialog the focus is on ${await whereFocusIs(page)}`);
  }
  return wrong;
}

/** A device is added without a mouse; its token is in a dialog that Escape does not close. */
async function addDevice(page) {
  await page.goto(at("/admin/devices"));
  await tabTo(page, "new-device-id");
  await page.keyboard.type("typed_001");
  await tabTo(page, "add-device");
  await page.keyboard.press("Enter");
  await page.getByTestId("secret").waitFor();
  const { wrong } = await walk(page, "a device's token");
  await page.keyboard.press("Escape");
  if (!(await page.getByTestId("secret").isVisible())) wrong.push("a device's token: Escape closes it");
  await tabTo(page, "secret-kept");
  await page.keyboard.press("Space");
  await tabTo(page, "secret-close");
  await page.keyboard.press("Enter");
  await page.getByTestId("secret").waitFor({ state: "detached" });
  const back = await page.evaluate(() => document.activeElement?.closest("form") !== null);
  if (!back) wrong.push(`a device's token: afterwards the focus is on ${await whereFocusIs(page)}, not in the form`);
  return wrong;
}

/** The user's menu opens, is walked through, and closes with the focus on its button. */
async function menu(page) {
  const button = page.getByRole("button", { name: /^Menu of/ });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.getByTestId("logout").waitFor();
  await tabTo(page, "logout");
  await page.keyboard.press("Escape");
  await page.getByTestId("logout").waitFor({ state: "hidden" });
  const back = await button.evaluate((element) => element === document.activeElement);
  return back ? [] : [`the user's menu: afterwards the focus is on ${await whereFocusIs(page)}`];
}

/** The downloads are behind a button, and go away again. */
async function exportMenu(page) {
  await page.goto(at("/devices/odd_001/history?span=1h"));
  const button = page.locator(".export summary");
  await button.focus();
  await page.keyboard.press("Enter");
  await tabTo(page, "export-ndjson");
  await page.keyboard.press("Escape");
  await page.getByTestId("export-ndjson").waitFor({ state: "hidden" });
  const back = await button.evaluate((element) => element === document.activeElement);
  return back ? [] : [`the downloads: afterwards the focus is on ${await whereFocusIs(page)}`];
}

function whereFocusIs(page) {
  return page.evaluate(() => document.activeElement?.outerHTML.slice(0, 100));
}
