/** How much of a frame of 16 ms painting may take; what is left over waits for the next one. */
const BUDGET_MS = 5;

/**
 * Spreads work over animation frames, so that twenty charts that have news at once do not make the page stumble.
 * Each painter is called once, however often it asks before its turn. Nothing runs in a hidden page.
 */
export class PaintQueue {
  private readonly waiting = new Set<() => void>();
  private frame = 0;

  /** Calls `paint` in one of the next frames. */
  request(paint: () => void): void {
    this.waiting.add(paint);
    this.frame ||= requestAnimationFrame(this.work);
  }

  /** Forgets a painter that is going away. */
  cancel(paint: () => void): void {
    this.waiting.delete(paint);
    if (this.waiting.size > 0) return;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  private work = (): void => {
    const began = performance.now();
    for (const paint of this.waiting) {
      this.waiting.delete(paint);
      paint();
      if (performance.now() - began > BUDGET_MS) break;
    }
    this.frame = this.waiting.size > 0 ? requestAnimationFrame(this.work) : 0;
  };
}
