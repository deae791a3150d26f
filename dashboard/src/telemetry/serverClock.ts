/**
 * The server's time as far as this page can know it. A browser's clock may be minutes off; ages and the time
 * axis follow the server's.
 */
export class ServerClock {
  private offsetMs = 0;
  private precisionMs = Infinity;

  /**
   * Takes note that the server's clock showed `serverMs` (Unix time) just now, give or take `precisionMs`.
   * A coarser observation does not replace a finer one, unless it contradicts it.
   */
  observe(serverMs: number, precisionMs: number): void {
    if (!Number.isFinite(serverMs)) return;
    const offsetMs = serverMs - Date.now();
    const contradicts = Math.abs(offsetMs - this.offsetMs) > this.precisionMs + precisionMs;
    if (precisionMs > this.precisionMs && !contradicts) return;
    this.offsetMs = offsetMs;
    this.precisionMs = precisionMs;
  }

  /** Takes note of the `Date` header of an answer, which is cut to whole seconds. */
  observeResponse(response: Response): void {
    const header = response.headers.get("date");
    if (header !== null) this.observe(Date.parse(header) + 500, 1_000);
  }

  /** Unix time, ms. */
  now(): number {
    return Date.now() + this.offsetMs;
  }
}
