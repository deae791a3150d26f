// What a browser fetches before the first view of a page stands: for the test, and for scripts/bench-page.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Builds the page in memory; gives the compressed bytes of the first view of each page, by its file's name, and of the login. */
export async function firstViews() {
  const { output } = await production(() => build({ root: ROOT, logLevel: "silent", build: { write: false } }));
  const byName = new Map(output.map((file) => [file.fileName, file]));
  const entry = output.find(({ isEntry }) => isEntry);
  const always = ["index.html", ...reached(entry, byName)];
  const shell = sizeOf(always, byName) + gzipSync(await readFile(`${ROOT}/public/theme.js`)).length;
  const pages = output.filter(({ facadeModuleId }) => facadeModuleId?.includes("/src/pages/"));
  const views = pages.map((chunk) => {
    const own = [...reached(chunk, byName)].filter((name) => !always.includes(name));
    return [chunk.name, shell + sizeOf(own, byName)];
  });
  return new Map([["login", shell], ...views]);
}

/** As it is shipped: a test's own environment would bring React's warnings along. */
async function production(work) {
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = "production";
  try {
    return await work();
  } finally {
    process.env.NODE_ENV = before;
  }
}

/** A chunk, what it imports at once, and their styles. */
function reached(chunk, byName, found = new Set()) {
  if (chunk === undefined || found.has(chunk.fileName)) return found;
  found.add(chunk.fileName);
  for (const style of chunk.viteMetadata?.importedCss ?? []) found.add(style);
  for (const name of chunk.imports ?? []) reached(byName.get(name), byName, found);
  return found;
}

function sizeOf(names, byName) {
  return names.reduce((total, name) => total + gzipSync(byName.get(name)?.code ?? byName.get(name)?.source ?? "").length, 0);
}
