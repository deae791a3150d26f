import type { EventDoor } from "./door";
import type { Frame } from "./doorMessage";
import { Store } from "./store";

/** A frame with a number of its own, growing by one. */
export interface NumberedFrame extends Frame {
  number: number;
  /** Characters of the whole frame, if `text` is only its beginning. */
  cutFrom?: number;
}

/** The latest frames in and out, oldest first. */
export interface Frames {
  frames: readonly NumberedFrame[];
  /** All frames since the listening began, with those that were let go. */
  total: number;
}

/** How often those who look are told of new frames, ms. */
const BATCH_MS = 200;
/** Characters that are kept of a frame, and of all of them. */
const MAX_TEXT = 65_536;
const MAX_KEPT = 8 * 1_024 * 1_024;

/** Every frame of the shared connection while somebody looks, the latest of them kept. */
export class FrameStore extends Store<Frames> {
  private kept: NumberedFrame[] = [];
  /** Characters in {@link kept}. */
  private size = 0;
  private total = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private leave: (() => void) | null = null;

  constructor(
    private readonly door: EventDoor,
    private readonly limit: number,
  ) {
    super({ frames: [], total: 0 });
  }

  /** Forgets all frames. */
  clear = (): void => {
    this.kept = [];
    this.size = 0;
    this.publish();
  };

  protected start(): void {
    this.leave = this.door.onFrame((frame) => this.add(frame));
  }

  protected stop(): void {
    this.leave?.();
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private add(frame: Frame): void {
    this.total += 1;
    const kept = { ...bounded(frame), number: this.total };
    this.kept.push(kept);
    this.size += kept.text.length;
    while (this.kept.length > this.limit || this.size > MAX_KEPT) this.size -= this.kept.shift()?.text.length ?? 0;
    this.timer ??= setTimeout(() => this.publish(), BATCH_MS);
  }

  private publish(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.set({ frames: [...this.kept], total: this.total });
  }
}

function bounded(frame: Frame): Omit<NumberedFrame, "number"> {
  const { text } = frame;
  if (text.length <= MAX_TEXT) return frame;
  // A slice alone would keep the whole text in memory.
  const beginning = new TextDecoder().decode(new TextEncoder().encode(text.slice(0, MAX_TEXT)));
  return { ...frame, text: beginning, cutFrom: text.length };
}
