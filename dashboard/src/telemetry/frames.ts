import type { EventDoor, Frame } from "./door";
import { Store } from "./store";

/** A frame with a number of its own, growing by one. */
export interface NumberedFrame extends Frame {
  number: number;
}

/** The latest frames in and out, oldest first. */
export interface Frames {
  frames: readonly NumberedFrame[];
  /** All frames since the listening began, with those that were let go. */
  total: number;
}

/** How often those who look are told of new frames, ms. */
const BATCH_MS = 200;

/** Every frame of the shared connection while somebody looks, the latest of them kept. */
export class FrameStore extends Store<Frames> {
  private kept: NumberedFrame[] = [];
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
    this.kept.push({ ...frame, number: this.total });
    if (this.kept.length >= 2 * this.limit) this.kept = this.kept.slice(-this.limit);
    this.timer ??= setTimeout(() => this.publish(), BATCH_MS);
  }

  private publish(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.set({ frames: this.kept.slice(-this.limit), total: this.total });
  }
}
