// Looks back over a year of a device of a real ems-cloud: year, month, day, hour, each marked with the mouse in the one
// before it. Tells how long each takes from the click until it is drawn, what it was made from, and how much of the
// width the curve covers.
//
// From the environment: PAGE_URL, PAGE_USER, PAGE_PASSWORD, CHROMIUM, SCREENSHOTS (a folder), ROUNDS (1: how often).

import { logIn, openWindow, overflow, screenshot, tell, withBrowser } from "./browser.mjs";

const { PAGE_URL, PAGE_USER, PAGE_PASSWORD, ROUNDS = "1" } = process.env;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The device's last sample was taken before the last midnight (UTC). */
const END = Math.floor(Date.now() / DAY) * DAY;
/** What is marked in the view before. */
const VIEWS = [
  ["month", END - 31 * DAY, END],
  ["day", END - DAY, END],
  ["hour", END - 13 * HOUR, END - 12 * HOUR],
];

await withBrowser(async (browser) => {
  const { page, complaints } = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  await page.addInitScript(watchDrawing);
  await logIn(page, PAGE_URL, PAGE_USER, PAGE_PASSWORD);
  const answers = [];
  page.on("response", async (response) => {
    const url = new URL(response.url());
    if (url.pathname.endsWith("/history") && url.searchParams.has("width")) answers.push(response.json());
  });
  for (let round = 0; round < Number(ROUNDS); round += 1) {
    await page.goto(new URL("/devices/ems_001/history?span=1h", PAGE_URL).href);
    await page.getByTestId("history-charts").waitFor();
    await look(page, answers, "year", () => page.getByTestId("span-1y").click());
    for (const [name, from, to] of VIEWS) await look(page, answers, name, () => mark(page, answers, from, to));
  }
  tell("overflow", await overflow(page));
  tell("complaints", complaints);
});

/** Does what leads to a view, and tells what has come of it. */
async function look(page, answers, name, act) {
  await page.evaluate(() => window.watchDrawing());
  await act();
  const ms = await (await page.waitForFunction(() => window.drawnAfter)).jsonValue();
  const { source, at, step_ms: step } = await answers.at(-1);
  const covered = await page.locator("[data-testid=history-panel] .history-plot").evaluateAll(coverage);
  tell(name, { ms: Math.round(ms), source, points: at.length, step_s: step / 1_000, covered });
  await screenshot(page, `history-${name}`);
}

/** Drags over the part of the first chart that lies between two times. */
async function mark(page, answers, fromMs, toMs) {
  const { from, to } = await answers.at(-1);
  const [start, end] = [Date.parse(from), Date.parse(to)];
  const plot = page.locator(".history-plot .u-over").first();
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  const x = (ms) => box.x + Math.min(box.width - 1, Math.max(1, ((ms - start) / (end - start)) * box.width));
  await page.mouse.move(x(fromMs), box.y + 20);
  await page.mouse.down();
  await page.mouse.move(x(toMs), box.y + 20, { steps: 5 });
  await page.mouse.up();
}

/** Runs in the page: after `watchDrawing()`, `drawnAfter` is the time from the next click to its curves, ms. */
function watchDrawing() {
  let stroked = 0;
  const stroke = CanvasRenderingContext2D.prototype.stroke;
  CanvasRenderingContext2D.prototype.stroke = function (...path) {
    stroked = performance.now();
    return stroke.apply(this, path);
  };
  window.watchDrawing = () => {
    window.drawnAfter = null;
    // Of a drag, its end.
    addEventListener(
      "mouseup",
      () => {
        const began = performance.now();
        // It is busy from the click until the data have come; uPlot draws right after, and a frame later it is seen.
        let asked = false;
        let answered = Infinity;
        const observer = new MutationObserver(([{ target }]) => {
          const busy = target.getAttribute("aria-busy") === "true";
          asked ||= busy;
          if (asked && !busy) answered = Math.min(answered, performance.now());
        });
        observer.observe(document.body, { subtree: true, attributeFilter: ["aria-busy"] });
        const look = () => {
          if (stroked < answered) return requestAnimationFrame(look);
          observer.disconnect();
          requestAnimationFrame(() => (window.drawnAfter = performance.now() - began));
        };
        requestAnimationFrame(look);
      },
      { capture: true, once: true },
    );
  };
}

/** Runs in the page: the part of each chart's width, 0 to 1, in which there is something coloured. */
function coverage(plots) {
  return plots.map((plot) => {
    const canvas = plot.querySelector("canvas");
    const over = plot.querySelector(".u-over");
    const [left, width] = [over.offsetLeft * devicePixelRatio, over.offsetWidth * devicePixelRatio];
    const { data } = canvas.getContext("2d").getImageData(left, 0, width, canvas.height);
    let columns = 0;
    for (let x = 0; x < width; x += 1) {
      for (let y = 0; y < canvas.height; y += 1) {
        const i = 4 * (y * width + x);
        const [low, high] = [Math.min(data[i], data[i + 1], data[i + 2]), Math.max(data[i], data[i + 1], data[i + 2])];
        if (data[i + 3] > 40 && high - low > 60) {
          columns += 1;
          break;
        }
      }
    }
    return Math.round((100 * columns) / width) / 100;
  });
}
