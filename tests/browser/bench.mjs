// Measures the page in a real Chromium on a stage that plays the cloud, and prints what docs/benchmarks.md says.
//
//   node bench.mjs [--quick] [--curves]     CHROMIUM: another browser than /usr/bin/chromium

import { fileURLToPath } from "node:url";
import { stage } from "./stage.mjs";

process.env.CHROMIUM ??= "/usr/bin/chromium";
const { DESKTOP, openWindow, withBrowser } = await import("./browser.mjs");

const DIST = fileURLToPath(new URL("../../dashboard/dist", import.meta.url));
const QUICK = process.argv.includes("--quick");
const CURVES_ONLY = process.argv.includes("--curves");
/** Eight hours of samples, and how many of them are played a second. */
const PLAYED_S = QUICK ? 3_600 : 8 * 3_600;
const SPEED = 120;
const TRACED_S = QUICK ? 10 : 30;
const ALL_CURVES =
  "voltage current soc power temperature solar load grid grid-voltage grid-current frequency power-factor " +
  "uncertainty soh energy-in energy-out to-empty to-full processor wifi";

const rows = [];
if (!CURVES_ONLY) await weigh();
await withBrowser(
  async (browser) => {
    if (!CURVES_ONLY) await firstValue(browser);
    await liveCurves(browser, "20 curves of 15 min at 1 Hz, all in sight", 15);
    await liveCurves(browser, "20 curves of 1 min at 1 Hz, moving by the pixel", 1);
    if (CURVES_ONLY) return;
    await wholeFleet(browser);
    await longView(browser);
  },
  ["--enable-precise-memory-info", "--js-flags=--expose-gc"],
);
const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i].length)));
for (const row of rows) console.log(`| ${row.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`);

/** What the browser fetches before the first view of each page stands. */
async function weigh() {
  const { firstViews } = await import("../../dashboard/tests/weight.mjs");
  for (const [page, bytes] of await firstViews()) rows.push([`first view of ${page}, gzip`, `${(bytes / 1_000).toFixed(1)} kB`]);
}

async function firstValue(browser) {
  const play = await stage({ dist: DIST, count: 50 });
  const times = [];
  for (let i = 0; i < (QUICK ? 3 : 9); i += 1) {
    const { context, page } = await openWindow(browser, DESKTOP);
    await page.addInitScript(() => {
      new MutationObserver((_, observer) => {
        if (!/\d/.test(document.querySelector('[data-testid="live-voltage"]')?.textContent ?? "")) return;
        window.valueAt = performance.now();
        observer.disconnect();
      }).observe(document, { childList: true, subtree: true, characterData: true });
    });
    await page.goto(`${play.url}/devices/ems_0001`);
    await page.waitForFunction(() => window.valueAt > 0);
    times.push(await page.evaluate(() => window.valueAt));
    await context.close();
  }
  rows.push(["first live value after a cold load, median", `${Math.round(median(times))} ms`]);
  await play.stop();
}

/** Frames and the main thread while curves live, from the browser's own trace. */
async function liveCurves(browser, title, minutes) {
  const play = await stage({ dist: DIST });
  const beat = setInterval(() => play.step(), 1_000);
  const { context, page } = await openWindow(browser, { viewport: { width: 1920, height: 1900 } });
  await page.goto(`${play.url}/devices/ems_0001?minutes=${minutes}&curves=${ALL_CURVES.replaceAll(" ", "+")}`);
  await page.locator(".strip canvas").nth(19).waitFor();
  await page.waitForTimeout(3_000);
  const { result: frames, share } = await traced(browser, page, () => countFrames(page, TRACED_S));
  rows.push([`${title}: frames a second`, `${frames.perSecond.toFixed(1)} (${frames.late} of ${frames.count} later than 33 ms, the latest ${frames.longest.toFixed(0)} ms)`]);
  rows.push([`${title}: main thread`, `${share.toFixed(1)} %`]);
  clearInterval(beat);
  await context.close();
  await play.stop();
}

async function wholeFleet(browser) {
  const play = await stage({ dist: DIST, count: 2_000 });
  const beat = setInterval(() => play.step(), 1_000);
  const { context, page } = await openWindow(browser, DESKTOP);
  await page.goto(play.url);
  await page.locator('[data-testid="device-row"]').first().waitFor();
  await page.waitForTimeout(2_000);
  const { result: frames, share } = await traced(browser, page, async () => {
    const scrolled = page.evaluate(async (seconds) => {
      const until = performance.now() + seconds * 1_000;
      while (performance.now() < until) {
        scrollBy(0, 40);
        await new Promise((done) => requestAnimationFrame(done));
      }
    }, TRACED_S);
    const counted = await countFrames(page, TRACED_S);
    await scrolled;
    return counted;
  });
  const elements = await page.evaluate(() => document.querySelectorAll("*").length);
  rows.push(["2,000 devices, all changing each second, scrolled all the time: frames a second", `${frames.perSecond.toFixed(1)} (${frames.late} of ${frames.count} later than 33 ms, the latest ${frames.longest.toFixed(0)} ms)`]);
  rows.push(["2,000 devices: main thread while scrolled", `${share.toFixed(1)} %`]);
  rows.push(["2,000 devices: elements in the page", String(elements)]);
  const typed = await page.evaluate(async () => {
    const input = document.querySelector('[data-testid="fleet-search"]');
    const began = performance.now();
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, "19");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - began;
  });
  rows.push(["2,000 devices: a letter typed into the search until it is painted", `${typed.toFixed(0)} ms`]);
  clearInterval(beat);
  await context.close();
  await play.stop();
}

/** One Live view for eight hours, played faster; memory after a full collection. */
async function longView(browser) {
  const play = await stage({ dist: DIST });
  const { context, page } = await openWindow(browser, DESKTOP);
  const client = await context.newCDPSession(page);
  // The page's clock follows the play's.
  await page.addInitScript((speed) => {
    const began = Date.now();
    const now = Date.now;
    Date.now = () => began + (now() - began) * speed;
    const origin = performance.now.bind(performance);
    performance.now = () => origin() * speed;
  }, SPEED);
  await page.goto(`${play.url}/devices/ems_0001`);
  await page.locator(".strip canvas").first().waitFor();
  const marks = [];
  const began = Date.now();
  for (let second = 1; second <= PLAYED_S; second += 1) {
    play.step();
    const due = began + (second * 1_000) / SPEED;
    if (due > Date.now()) await new Promise((done) => setTimeout(done, due - Date.now()));
    if (second % (PLAYED_S / 8) === 0) marks.push(await heap(client));
  }
  const points = await page.evaluate(() => document.querySelectorAll("*").length);
  const hours = PLAYED_S / 3_600;
  rows.push([`one Live view for ${hours} h, played ${SPEED} times as fast: heap after each eighth`, marks.map((bytes) => mib(bytes)).join(", ")]);
  rows.push([`the same: elements in the page at the end`, String(points)]);
  await context.close();
  await play.stop();
}

async function heap(client) {
  await client.send("HeapProfiler.collectGarbage");
  return (await client.send("Runtime.getHeapUsage")).usedSize;
}

/** Runs `work` under the browser's trace; gives what it gave, and the share of a core that the main thread took. */
async function traced(browser, page, work) {
  await browser.startTracing(page, { categories: ["toplevel", "benchmark"] });
  const began = performance.now();
  const result = await work();
  const seconds = (performance.now() - began) / 1_000;
  const { traceEvents } = JSON.parse(String(await browser.stopTracing()));
  const busy = Math.max(...mainThreads(traceEvents).map((thread) => busySeconds(traceEvents, thread)));
  return { result, share: (100 * busy) / seconds };
}

/** The main threads of all pages of the browser; the one at work is ours. */
function mainThreads(events) {
  return events.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
}

function busySeconds(events, { pid, tid }) {
  const tasks = events.filter((event) => event.pid === pid && event.tid === tid && event.ph === "X" && event.name.endsWith("RunTask"));
  // The thread's own time where the trace has it: the time between beginning and end is that of all who share the core.
  return tasks.reduce((total, { dur, tdur = dur }) => total + tdur, 0) / 1e6;
}

function countFrames(page, seconds) {
  return page.evaluate(async (duration) => {
    const times = [];
    const until = performance.now() + duration * 1_000;
    while (performance.now() < until) times.push(await new Promise((done) => requestAnimationFrame(done)));
    const steps = times.slice(1).map((time, i) => time - times[i]);
    return {
      count: steps.length,
      perSecond: (1_000 * steps.length) / (times.at(-1) - times[0]),
      late: steps.filter((step) => step > 33.4).length,
      longest: Math.max(...steps),
    };
  }, seconds);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function mib(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
