import { ageMs, markNow, type Mark } from "./age";

export interface LivenessOptions {
  /** An open socket that is silent for longer is asked for a sign of life. Default 1,800. */
  quietMs?: number;
  /**
   * Without an answer to that for this long, the socket counts as dead. Default 1,800; twice as long each time that
   * nothing came of a new socket, for lines on which an answer takes its time.
   */
  answerMs?: number;
}

interface Socket {
  /** Whether it is open and a question can be sent. */
  isReady: () => boolean;
  /** Sends a question with a number, with which the server answers at once. */
  ask: (number: number) => void;
  /** It is dead. */
  giveUp: () => void;
  /** The computer has slept, or the page was away, while there was no socket. */
  awake: () => void;
}

const LOOK_INTERVAL_MS = 250;
/** Between two looks at the clock lies more only if the computer slept or the browser held back the timers. */
const SLEEP_MS = 5_000;
/** However slow the line, three doublings are enough. */
const MAX_DOUBLINGS = 3;

/**
 * Watches whether a socket still lives: a browser cannot ping, and a half-open socket is silent for ever. It works
 * between {@link start} and {@link stop}; a hidden page need not know so soon.
 */
export class Liveness {
  private readonly quietMs: number;
  private readonly answerMs: number;
  private timer: ReturnType<typeof setInterval> | undefined;
  private lastFrame: Mark = markNow();
  /** Nothing has come since the last question. */
  private waiting = false;
  /** The last question, by its number, and when it was sent. */
  private asked: { number: number; at: Mark } = { number: 0, at: markNow() };
  private lastLook: Mark = markNow();
  /** Sockets in a row that were given up for their silence. */
  private givenUp = 0;

  constructor(
    private readonly socket: Socket,
    { quietMs = 1_800, answerMs = 1_800 }: LivenessOptions,
  ) {
    this.quietMs = quietMs;
    this.answerMs = answerMs;
  }

  /** Begins to look, and asks at once. */
  start(): void {
    this.stop();
    this.lastLook = markNow();
    this.timer = setInterval(this.look, LOOK_INTERVAL_MS);
    this.question();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** The server has greeted on it. After a silence the line is measured at once: it may be as good as it was. */
  greeted(): void {
    if (this.givenUp > 0) this.question();
  }

  /** A frame came, or a new socket is open. */
  heard(): void {
    this.lastFrame = markNow();
    this.waiting = false;
  }

  /** The answer to the question of that number came, which alone tells how fast the line is. */
  answered(number: unknown): void {
    if (number === this.asked.number && ageMs(this.asked.at) < this.answerMs) this.givenUp = 0;
  }

  /** Asks for a sign of life. */
  question = (): void => {
    if (!this.socket.isReady()) return this.socket.awake();
    this.waiting = true;
    this.asked = { number: this.asked.number + 1, at: markNow() };
    this.socket.ask(this.asked.number);
  };

  private look = (): void => {
    const slept = ageMs(this.lastLook) > SLEEP_MS;
    this.lastLook = markNow();
    if (slept) this.question();
    else if (!this.socket.isReady()) return;
    else if (this.waiting) {
      if (ageMs(this.asked.at) > this.answerMs * 2 ** this.givenUp) this.giveUp();
    } else if (ageMs(this.lastFrame) > this.quietMs) this.question();
  };

  private giveUp(): void {
    this.waiting = false;
    this.givenUp = Math.min(MAX_DOUBLINGS, this.givenUp + 1);
    this.socket.giveUp();
  }
}
