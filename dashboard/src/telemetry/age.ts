/** An instant to measure an age from. */
export interface Mark {
  monotonicMs: number;
  wallMs: number;
}

/** The instant `agoMs` ago. */
export function markNow(agoMs = 0): Mark {
  return { monotonicMs: performance.now() - agoMs, wallMs: Date.now() - agoMs };
}

/**
 * How long ago `mark` was, ms. The monotonic clock of some browsers stands still while the computer sleeps,
 * and the wall clock may be set back: the larger of both never makes old data look fresh.
 */
export function ageMs(mark: Mark): number {
  return Math.max(0, performance.now() - mark.monotonicMs, Date.now() - mark.wallMs);
}
