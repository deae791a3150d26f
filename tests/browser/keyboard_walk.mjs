// Walks through a page with the Tab key, as somebody who has no mouse, and says what is wrong: a sentence each.

/** What the Tab key has to reach, where it is shown and not disabled. */
const INTERACTIVE = "a[href], button, input, select, textarea, summary, [tabindex], [contenteditable=true]";
/** More stops than that are a trap. */
const SPARE = 10;

/**
 * Presses Tab from the beginning of what is in front (the page, or its open dialog) to its end: each thing that can be
 * used is reached once, in the order in which it is read, is seen to have the focus, is not covered, and has a name.
 */
export async function walk(page, where) {
  const wrong = [];
  const complain = (stop, words) => wrong.push(`${where}: ${stop.label} ${words}`);
  const names = await accessibleNames(page);
  const expected = await begin(page);
  const reached = [];
  for (;;) {
    await page.keyboard.press("Tab");
    const stop = await look(page);
    if (stop === null) break;
    const again = reached.findIndex(({ id }) => id === stop.id);
    // A date has a stop for the day, the month and so on.
    if (again >= 0 && again === reached.length - 1 && stop.parts) continue;
    if (again === 0) break;
    if (again > 0 || reached.length > expected + SPARE) {
      complain(stop, again > 0 ? "is reached twice" : "is a stop too many: the page has a trap");
      break;
    }
    const { name, role } = await names.ofFocus();
    if (name.trim() === "") complain(stop, `(${role}) has no accessible name`);
    if (!stop.shown) complain(stop, "has the focus, and nothing shows it");
    if (stop.coveredBy !== null) complain(stop, `has the focus and is covered by ${stop.coveredBy}`);
    if (stop.outside) complain(stop, "is behind the open dialog");
    const before = reached.at(-1);
    if (before !== undefined && isBefore(stop, before)) complain(stop, `comes after ${before.label}, which is read later`);
    reached.push(stop);
  }
  for (const label of await missed(page)) wrong.push(`${where}: the Tab key does not reach ${label}`);
  if (reached.length > 2) wrong.push(...(await backwards(page, reached, where)));
  await names.close();
  return { wrong, stops: reached.length };
}

/** Shift and Tab go back the same way: whoever went too far is not lost. */
async function backwards(page, reached, where) {
  // The walk has left the page, or has begun anew.
  await page.locator(`[data-walk="${reached.at(-1).id}"]`).focus();
  let stop;
  do {
    await page.keyboard.press("Shift+Tab");
    stop = await look(page);
  } while (stop?.parts && stop.id === reached.at(-1).id);
  const wanted = reached.at(-2);
  return stop?.id === wanted.id ? [] : [`${where}: Shift and Tab lead from ${reached.at(-1).label} to ${stop?.label}, not to ${wanted.label}`];
}

/** Puts the focus before everything, numbers what the Tab key has to reach, and notes how it looks without the focus. */
async function begin(page) {
  return page.evaluate((selector) => {
    const dialog = [...document.querySelectorAll("dialog[open]")].at(-1) ?? null;
    const root = dialog ?? document.body;
    const canBeUsed = (element) =>
      element.tabIndex >= 0 &&
      element.checkVisibility({ visibilityProperty: true }) &&
      !element.matches(":disabled") &&
      element.closest("[inert]") === null &&
      // Of a group of radio buttons the Tab key reaches one; the arrow keys go on.
      !(element.type === "radio" && !element.checked && root.querySelector(`[name="${element.name}"]:checked`) !== null);
    // A change of the style would come too late for who looks at once.
    const still = new CSSStyleSheet();
    still.replaceSync("*, *::before, *::after { transition: none !important }");
    document.adoptedStyleSheets = [still];
    const look = (element, pseudo) => {
      const { outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor } = getComputedStyle(element, pseudo);
      return JSON.stringify([outlineStyle === "none" ? "" : outlineWidth, boxShadow, borderColor, backgroundColor]);
    };
    const looks = (element) => {
      const all = [];
      for (let at = element, up = 0; at !== null && up < 4; at = at.parentElement, up += 1) {
        all.push(look(at), look(at, "::before"), look(at, "::after"));
      }
      return all.join();
    };
    document.activeElement?.blur();
    for (const old of document.querySelectorAll("[data-walk]")) old.removeAttribute("data-walk");
    const elements = [...root.querySelectorAll(selector)].filter(canBeUsed);
    window.walked = { dialog, looks, before: new Map(), seen: new Set(), next: elements.length };
    for (const [i, element] of elements.entries()) {
      element.dataset.walk = String(i);
      window.walked.before.set(element, looks(element));
    }
    // Where the next Tab starts from.
    getSelection().removeAllRanges();
    if (dialog === null) {
      scrollTo(0, 0);
      const start = document.createElement("span");
      start.tabIndex = -1;
      document.body.prepend(start);
      start.focus();
      window.walked.start = start;
    } else {
      dialog.tabIndex = -1;
      dialog.focus();
      dialog.removeAttribute("tabindex");
    }
    return elements.length;
  }, INTERACTIVE);
}

/** What has the focus now; `null` when the walk has left the page. */
async function look(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const { walked } = window;
    walked.start?.remove();
    if (element === null || element === document.body || element === document.documentElement || element === walked.dialog) return null;
    // What has come meanwhile, and what the browser lets be scrolled by the arrow keys, has no number yet.
    element.dataset.walk ??= String(walked.next++);
    walked.seen.add(element);
    const label = (of) => {
      const text = (of.getAttribute("aria-label") ?? of.textContent ?? "").trim().replaceAll(/\s+/g, " ").slice(0, 40);
      return `<${of.localName}${of.type ? ` ${of.type}` : ""}${of.name ? ` name=${of.name}` : ""}> ${JSON.stringify(text)}`;
    };
    const box = element.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + Math.min(box.height / 2, 20)];
    const above = document.elementFromPoint(Math.min(Math.max(x, 1), innerWidth - 1), y);
    // A label, or the row that belongs to the link, may lie above it.
    const own = getComputedStyle(element).pointerEvents === "none" || above !== null && (element.contains(above) || above.contains(element) || [...(element.labels ?? [])].some((one) => one.contains(above)));
    const fixed = (of) => of !== null && (["fixed", "sticky"].includes(getComputedStyle(of).position) || of.matches(":popover-open") || fixed(of.parentElement));
    return {
      id: element.dataset.walk,
      label: label(element),
      shown: walked.looks(element) !== (walked.before.get(element) ?? ""),
      coveredBy: own ? null : above === null ? "the edge of the window" : label(above),
      outside: walked.dialog !== null && !walked.dialog.contains(element),
      fixed: fixed(element),
      parts: element.type === "datetime-local",
      box: { left: box.left, right: box.right, top: box.top + scrollY, bottom: box.bottom + scrollY },
    };
  });
}

async function missed(page) {
  return page.evaluate(() =>
    [...window.walked.before.keys()]
      .filter((element) => element.isConnected && !window.walked.seen.has(element))
      .map((element) => element.outerHTML.slice(0, 120)),
  );
}

/** Whether `next` is read before `last`: it ends above it and not in a column to its right, or it is left of it on one line. */
function isBefore(next, last) {
  if (next.fixed || last.fixed) return false;
  const [a, b] = [last.box, next.box];
  const isAbove = b.bottom <= a.top && b.left < a.right;
  const isLeft = b.right <= a.left && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  return isAbove || isLeft;
}

/** The browser's own idea of a name, which is what a screen reader says. */
async function accessibleNames(page) {
  const session = await page.context().newCDPSession(page);
  return {
    async ofFocus() {
      const { result } = await session.send("Runtime.evaluate", { expression: "document.activeElement" });
      const { nodes } = await session.send("Accessibility.getPartialAXTree", { objectId: result.objectId, fetchRelatives: false });
      const [node] = nodes;
      return { name: String(node?.name?.value ?? ""), role: String(node?.role?.value ?? "") };
    },
    close: () => session.detach(),
  };
}
