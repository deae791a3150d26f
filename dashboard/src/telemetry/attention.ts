interface Watched {
  /** Somebody looks at the page, now or again. */
  shown: () => void;
  hidden: () => void;
  /** It has been hidden for long. */
  parked: () => void;
  /** It is back from the browser's cache, and has lost its sockets without being told. */
  restored: () => void;
}

/** Whether somebody looks at the page; tells it between {@link start}, which begins with how it is, and {@link stop}. */
export class Attention {
  private parking: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly watched: Watched,
    private readonly parkAfterMs: number,
  ) {}

  start(): void {
    document.addEventListener("visibilitychange", this.changed);
    addEventListener("pageshow", this.watched.restored);
    this.changed();
  }

  stop(): void {
    clearTimeout(this.parking);
    document.removeEventListener("visibilitychange", this.changed);
    removeEventListener("pageshow", this.watched.restored);
  }

  private changed = (): void => {
    clearTimeout(this.parking);
    if (!document.hidden) return this.watched.shown();
    this.watched.hidden();
    this.parking = setTimeout(this.watched.parked, this.parkAfterMs);
  };
}
