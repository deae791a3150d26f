import { Attention } from "./attention";
import { Connection, doorUrl, type ConnectionOptions, type ConnectionState } from "./connection";
import { toMessage, type DoorMessage, type Frame } from "./doorMessage";
import { HttpError, type RequestOptions } from "./http";
import { Liveness, type LivenessOptions } from "./liveness";
import { Renewal } from "./renewal";
import { Rooms, type RoomListener, type RoomOptions } from "./rooms";
import { ServerClock } from "./serverClock";

export interface EventDoorOptions extends LivenessOptions, Pick<ConnectionOptions, "backoff" | "stableAfterMs"> {
  /** Server to connect to, `https://host[:port]`. Default: where the page came from. */
  baseUrl?: string;
  /**
   * Makes the cookies good again after the access token ran out; false if the session is over. Without it, a refusal
   * ends the session.
   */
  renew?: () => Promise<boolean>;
  /** The session is over: the user has to log in again. Called once. */
  onSessionEnded?: () => void;
  /** A page that is hidden for longer leaves the rooms that only matter to the eye. Default 15,000. */
  parkAfterMs?: number;
}

/** A server that accepts the socket but does not greet has not got the cookie. */
const GREETING_MS = 3_000;
/** Two missed heartbeats of 30 s, and some: also a hidden page, which asks nothing, notices a dead socket. */
const SILENCE_LIMIT_MS = 65_000;
const AUTHENTICATION_TIMEOUT = 4011;

/**
 * The one connection of a whole page to the event door `/ws`.
 *
 * Rooms are joined while somebody listens to them, counted by listener, and joined again after each reconnect with
 * what was missed. It is connected while there is a listener of any kind; the last one to leave closes the socket
 * and all timers.
 */
export class EventDoor {
  /** The server's time. */
  readonly clock = new ServerClock();
  private state: ConnectionState = INITIAL;
  private connection: Connection | null = null;
  private readonly rooms: Rooms;
  private readonly stateListeners = new Set<() => void>();
  private readonly frameListeners = new Set<(frame: Frame) => void>();
  private readonly liveness: Liveness;
  private readonly attention: Attention;
  private readonly renewal: Renewal;
  private greeting: ReturnType<typeof setTimeout> | undefined;
  /** The server has greeted: the session is good and messages may be sent. */
  private greeted = false;
  private ended = false;

  constructor(readonly options: EventDoorOptions = {}) {
    this.rooms = new Rooms((type, payload) => this.send(type, payload));
    this.liveness = new Liveness(
      {
        isReady: () => this.greeted && this.connection?.isOpen === true,
        ask: (number) => this.send("ping", { number }),
        giveUp: () => this.connection?.restart(),
        awake: this.retryNow,
      },
      options,
    );
    this.attention = new Attention(
      {
        shown: () => {
          this.liveness.start();
          this.rooms.unpark();
        },
        hidden: () => this.liveness.stop(),
        parked: () => this.rooms.park(),
        restored: this.liveness.question,
      },
      options.parkAfterMs ?? 15_000,
    );
    this.renewal = new Renewal(options.renew);
  }

  /**
   * Hears what is told in a room, such as `device/ems_001`, `fleet` or `alarms`. The room is joined (or, for a second
   * listener, joined anew, so that it too gets what comes at first), and left when its last listener has gone.
   */
  listen(room: string, listener: RoomListener, options: RoomOptions = {}): () => void {
    const stop = this.rooms.add(room, listener, options);
    this.startOrStop();
    return () => {
      stop();
      this.startOrStop();
    };
  }

  /** Calls `listener` at each change of {@link getState}. */
  subscribe = (listener: () => void): (() => void) => this.join(this.stateListeners, listener);

  /** The connection; `OPEN` means that the server knows who this is. */
  getState = (): ConnectionState => this.state;

  /** Every frame in and out, for a log of messages. */
  onFrame(listener: (frame: Frame) => void): () => void {
    return this.join(this.frameListeners, listener);
  }

  /** Sends a message; false if there is no connection, and then nothing will be sent later. */
  send(type: string, payload: Record<string, unknown>): boolean {
    if (!this.greeted || this.connection === null) return false;
    const text = JSON.stringify({ type, payload });
    if (!this.connection.send(text)) return false;
    this.tell("out", text);
    return true;
  }

  /** Ends a wait between attempts. */
  retryNow = (): void => this.connection?.retryNow();

  /** What a request over HTTP beside this connection needs. */
  request(signal?: AbortSignal, timeoutMs?: number): RequestOptions {
    const { baseUrl, renew } = this.options;
    return {
      clock: this.clock,
      ...(baseUrl !== undefined && { baseUrl }),
      ...(renew !== undefined && { renew }),
      ...(signal !== undefined && { signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    };
  }

  /** Whether an error of a request says that the session is over; if so, the page has been told. */
  endedBy(error: unknown): boolean {
    if (!(error instanceof HttpError) || error.status !== 401) return false;
    this.endSession();
    return true;
  }

  private join<T>(set: Set<T>, member: T): () => void {
    set.add(member);
    this.startOrStop();
    return () => {
      set.delete(member);
      this.startOrStop();
    };
  }

  private startOrStop(): void {
    const wanted = this.rooms.size + this.stateListeners.size + this.frameListeners.size > 0;
    if (wanted && this.connection === null && !this.ended) this.start();
    else if (!wanted && this.connection !== null) this.stop();
  }

  private start(): void {
    this.attention.start();
    this.connection = new Connection({
      ...this.options,
      url: doorUrl(this.options.baseUrl),
      protocols: ["ems.v1"],
      silenceLimitMs: SILENCE_LIMIT_MS,
      onState: (state) => this.connectionChanged(state),
      onText: (text) => this.received(text),
    });
  }

  private stop(): void {
    this.liveness.stop();
    clearTimeout(this.greeting);
    this.attention.stop();
    this.connection?.close();
    this.connection = null;
    this.greeted = false;
    this.rooms.connectionLost();
    this.state = INITIAL;
  }

  private connectionChanged(state: ConnectionState): void {
    if (state.status === "OPEN") {
      this.liveness.heard();
      // Not yet told as OPEN: that is the greeting's to say.
      this.greeting = setTimeout(() => this.notGreeted(), GREETING_MS);
      return;
    }
    this.greeted = false;
    clearTimeout(this.greeting);
    this.rooms.connectionLost();
    const refused = this.state.status === "CONNECTING" && state.status === "CLOSED" && state.closeCode === 1006;
    this.set(state);
    if (state.ended) this.endSession();
    // A refused upgrade looks like any other failure to a browser.
    else if (refused || state.closeCode === AUTHENTICATION_TIMEOUT) void this.renew();
  }

  private received(text: string): void {
    this.liveness.heard();
    this.tell("in", text);
    let message: DoorMessage;
    try {
      message = toMessage(text);
    } catch (error) {
      console.warn(`A frame was ignored: ${String(error)}`);
      return;
    }
    this.observeClock(message.payload);
    if (message.type === "system.connection") this.welcomed(message.payload["retry_window_s"]);
    else if (message.type === "pong") this.liveness.answered(message.payload["number"]);
    else if (message.type === "error") {
      console.warn("The server could not use a message:", message.payload["code"], message.payload["message"]);
      this.rooms.refused(message);
    } else this.rooms.dispatch(message);
  }

  private welcomed(windowS: unknown): void {
    this.greeted = true;
    this.renewal.greeted();
    if (typeof windowS === "number") this.connection?.spreadReturn(windowS * 1_000);
    clearTimeout(this.greeting);
    this.set({ status: "OPEN", retryAt: null, closeCode: null, ended: false });
    this.rooms.connected();
    this.liveness.greeted();
  }

  /** The cookie may be what is wrong. If it is not, only a new socket can be better than one that says nothing. */
  private notGreeted(): void {
    if (this.renewal.mayHelp) void this.renew();
    else this.connection?.restart();
  }

  private observeClock(payload: Record<string, unknown>): void {
    const time = payload["server_time"];
    if (typeof time === "string") this.clock.observe(Date.parse(time), 100);
  }

  private async renew(): Promise<void> {
    const outcome = await this.renewal.attempt();
    if (outcome === "over") this.endSession();
    // If the server cannot be reached, the connection's own waits go on.
    else if (outcome !== null && this.isUngreeted) this.connection?.restart();
    else if (outcome === "renewed") this.retryNow();
  }

  private get isUngreeted(): boolean {
    return this.connection?.isOpen === true && !this.greeted;
  }

  private endSession(): void {
    if (this.ended) return;
    this.ended = true;
    this.stop();
    this.set({ status: "CLOSED", retryAt: null, closeCode: 4010, ended: true });
    this.options.onSessionEnded?.();
  }

  private tell(direction: Frame["direction"], text: string): void {
    if (this.frameListeners.size === 0) return;
    const frame: Frame = { direction, atMs: this.clock.now(), text };
    for (const listener of this.frameListeners) listener(frame);
  }

  private set(state: ConnectionState): void {
    this.state = state;
    for (const listener of this.stateListeners) listener();
  }
}

const INITIAL: ConnectionState = { status: "CONNECTING", retryAt: null, closeCode: null, ended: false };
