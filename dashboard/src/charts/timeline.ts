/** The time axis that all charts of a page share: what span they show, and where the one cursor is. */
export class Timeline {
  /** Seconds before the end of the span; `null` while nobody points. */
  cursorAgo: number | null = null;
  /** A span that stands still, Unix s; `null` while it ends now. */
  private held: readonly [number, number] | null = null;
  private readonly painters = new Set<Painter>();
  private readonly readers = new Set<() => void>();
  private timer: ReturnType<typeof setInterval> | undefined;

  /** `end` gives the end of a span of that many seconds that moves along, Unix s. */
  constructor(
    private readonly end: (windowS: number) => number,
    private windowS: number,
  ) {}

  span(): readonly [number, number] {
    if (this.held !== null) return this.held;
    const to = this.end(this.windowS);
    return [to - this.windowS, to];
  }

  /** Shows the last `windowS` seconds and moves along. */
  follow(windowS: number): void {
    this.windowS = windowS;
    this.held = null;
    this.startOrStop();
    this.tell();
  }

  /** Stands still at a span, Unix s. */
  hold(span: readonly [number, number]): void {
    this.held = span;
    this.startOrStop();
    this.tell();
  }

  point(ago: number | null): void {
    if (ago === this.cursorAgo) return;
    this.cursorAgo = ago;
    for (const read of this.readers) read();
  }

  /** The time that the cursor is at, Unix s. */
  cursorAt = (): number | null => (this.cursorAgo === null ? null : Math.round((this.span()[1] - this.cursorAgo) * 10) / 10);

  /**
   * Calls `paint` whenever the axis has moved by a pixel of a chart that is `width` pixels wide since that one was
   * painted, which it tells with `painted`.
   */
  onMove(paint: () => void, width: number): { stop: () => void; painted: () => void } {
    const painter: Painter = { paint, width: Math.max(1, width), paintedAt: 0 };
    this.painters.add(painter);
    this.startOrStop();
    return {
      painted: () => {
        painter.paintedAt = performance.now();
      },
      stop: () => {
        this.painters.delete(painter);
        this.startOrStop();
      },
    };
  }

  /** Calls `read` whenever the cursor has moved. */
  onCursor = (read: () => void): (() => void) => {
    this.readers.add(read);
    return () => this.readers.delete(read);
  };

  private tell(): void {
    for (const { paint } of this.painters) paint();
  }

  private startOrStop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.painters.size === 0 || this.held !== null) return;
    const widest = Math.max(...[...this.painters].map(({ width }) => width));
    this.timer = setInterval(this.move, this.stepMs(widest));
  }

  /** How often a chart of that width is painted: at every pixel, but many charts share what painting may cost. */
  private stepMs(width: number): number {
    return Math.max(FASTEST_MS, (this.windowS * 1_000) / width, (this.painters.size * 1_000) / MOST_PAINTED);
  }

  private move = (): void => {
    if (document.hidden) return;
    const now = performance.now();
    for (const { paint, width, paintedAt } of this.painters) {
      if (now - paintedAt >= this.stepMs(width) - 5) paint();
    }
  };
}

interface Painter {
  paint: () => void;
  width: number;
  /** On the clock of `performance.now()`. */
  paintedAt: number;
}

/** Faster than that an eye sees no difference on a curve that is measured once a second. */
const FASTEST_MS = 50;
/** So many times a second charts are painted because the axis moves, all together. */
const MOST_PAINTED = 80;
