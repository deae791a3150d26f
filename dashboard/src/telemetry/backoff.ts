/** How long to wait between attempts, in milliseconds. */
export interface BackoffOptions {
  /** Ceiling of the first wait. Default 500. */
  baseMs?: number;
  /** Ceiling that no wait exceeds. Default 30,000. */
  capMs?: number;
  /** Uniform in [0, 1). Default `Math.random`. */
  random?: () => number;
}

/**
 * Exponential backoff with full jitter: the nth wait is uniform between zero and min(cap, base · 2ⁿ).
 *
 * The jitter spans the whole wait at the cap too, so that a thousand pages that lost the same server do not
 * come back in step.
 */
export class Backoff {
  private attempt = 0;
  private readonly baseMs: number;
  private readonly capMs: number;
  private readonly random: () => number;

  constructor({ baseMs = 500, capMs = 30_000, random = Math.random }: BackoffOptions = {}) {
    this.baseMs = baseMs;
    this.capMs = capMs;
    this.random = random;
  }

  /**
   * The next wait, ms. A `floorMs` is added whole: what the peer asked for must not be jittered away. The jitter spans
   * `windowMs` at least.
   */
  next(floorMs = 0, windowMs = 0): number {
    const ceiling = Math.min(this.capMs, this.baseMs * 2 ** this.attempt);
    // Beyond the cap the exponent no longer matters; unbounded it would end in Infinity.
    if (ceiling < this.capMs) this.attempt += 1;
    return floorMs + this.random() * Math.max(ceiling, windowMs);
  }

  /** Starts again from the first wait: the connection has proved stable. */
  reset(): void {
    this.attempt = 0;
  }
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
