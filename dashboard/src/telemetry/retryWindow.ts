/** The longest time that a server may ask for, ms. */
const CAP_MS = 5 * 60_000;
/** The same for a connection that was lost without a word: the server may be gone, but mostly it was this page's own network. */
const LOST_CAP_MS = 30_000;

/** Close codes whose reason may name a window: the server restarts, or is overloaded. */
const ASKING: ReadonlySet<number> = new Set([1012, 1013]);
/** What a browser says of a socket that ended without a closing frame. */
const NO_CLOSING_FRAME = 1006;

/**
 * Over which time the first attempt to come back is spread, ms: the pages that have lost a server together would keep
 * each other out if they came back together. `code` is `null` for a socket that fell silent, `toldMs` what the server
 * had asked for when it greeted.
 */
export function retryWindowMs(code: number | null, reason: string, toldMs: number): number {
  if (code === null || code === NO_CLOSING_FRAME) return Math.min(LOST_CAP_MS, toldMs);
  // Any other code concerns this page alone.
  if (!ASKING.has(code)) return 0;
  const asked = /retry_window=(\d+)/.exec(reason)?.[1];
  return Math.min(CAP_MS, asked === undefined ? toldMs : Number(asked) * 1_000);
}
