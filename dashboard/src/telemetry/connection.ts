import { Backoff, type BackoffOptions } from "./backoff";
import { retryWindowMs } from "./retryWindow";
import type { TelemetryStatus } from "./types";

/** What {@link Connection} tells about itself. */
export interface ConnectionState {
  status: TelemetryStatus;
  /** When the next attempt starts, on the clock of `performance.now()`; `null` if none is planned. */
  retryAt: number | null;
  /** Close code of the last socket; `null` before the first one closed. */
  closeCode: number | null;
  /** The server ended the session (4010): no further attempt is made, the user has to log in again. */
  ended: boolean;
}

export interface ConnectionOptions {
  url: string;
  /** Subprotocols to offer; none for bare telemetry frames. */
  protocols?: string[];
  /** Gets the text of each frame; binary frames are dropped. */
  onText: (text: string) => void;
  onState: (state: ConnectionState) => void;
  backoff?: BackoffOptions;
  /** Open this long, a connection counts as stable and the next failure waits from the start again. */
  stableAfterMs?: number;
  /** An attempt that has not opened by then is given up. */
  connectTimeoutMs?: number;
  /**
   * Without any frame for this long, the peer counts as dead: a browser cannot ping, and a half-open socket
   * stays silent for ever. 0 turns it off, for a server that sends no heartbeat.
   */
  silenceLimitMs?: number;
}

/** Close codes of the contract that ask for more than a plain retry. */
const SESSION_ENDED = 4010;
const FLOOR_MS: Readonly<Record<number, number>> = {
  1008: 60_000, // not allowed
  4003: 60_000, // revoked
  1013: 5_000, // try again later
  4029: 15_000, // too many connections
};

/**
 * One WebSocket that comes back by itself, until {@link close}.
 *
 * It owns at most one socket and three timers (retry, stable, silence or connect limit), and `close` releases
 * all of them at once: no callback runs after it.
 */
export class Connection {
  private socket: WebSocket | null = null;
  /** Detaches the present socket's listeners: what a socket says after it was let go is not heard. */
  private listeners = new AbortController();
  private closed = false;
  /** What the server behind the present socket wants the next attempt to be spread over, should it be lost. */
  private windowMs = 0;
  private readonly backoff: Backoff;
  private readonly timers = new Map<"retry" | "stable" | "limit", ReturnType<typeof setTimeout>>();
  private state: ConnectionState = { status: "CLOSED", retryAt: null, closeCode: null, ended: false };

  constructor(private readonly options: ConnectionOptions) {
    this.backoff = new Backoff(options.backoff);
    globalThis.addEventListener?.("online", this.retryNow);
    this.dial();
  }

  /** Closes for good. Safe to call twice. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    globalThis.removeEventListener?.("online", this.retryNow);
    this.release();
  }

  /** A socket is open; what is sent may still be lost with it. */
  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Sends a text frame; false if no socket is open. */
  send(text: string): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(text);
    return true;
  }

  /** Ends a wait between attempts; does nothing while connected, connecting or closed. */
  retryNow = (): void => {
    if (!this.closed && this.timers.has("retry")) this.dial();
  };

  /** The server wants the first attempt after its loss to come at a random moment of so long a time. */
  spreadReturn(windowMs: number): void {
    this.windowMs = windowMs;
  }

  /** Drops a socket that is known to be dead, without waiting for its closing handshake, and retries. */
  restart(): void {
    if (!this.closed && this.socket !== null) this.lost(null, "");
  }

  private dial(): void {
    this.release();
    this.set({ status: "CONNECTING", retryAt: null });
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.options.url, this.options.protocols ?? []);
    } catch (error) {
      // Only a bad URL or subprotocol throws; the next attempt would too.
      this.set({ status: "CLOSED", ended: true });
      throw error;
    }
    this.socket = socket;
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    this.start("limit", this.options.connectTimeoutMs ?? 10_000, () => this.lost(null, ""));
    socket.addEventListener("open", () => this.opened(), { signal });
    socket.addEventListener("message", ({ data }) => this.received(data), { signal });
    socket.addEventListener("close", ({ code, reason }) => this.lost(code, reason), { signal });
  }

  private opened(): void {
    this.start("stable", this.options.stableAfterMs ?? 10_000, () => this.backoff.reset());
    this.watchSilence();
    this.set({ status: "OPEN" });
  }

  private received(data: unknown): void {
    this.watchSilence();
    if (typeof data === "string") this.options.onText(data);
  }

  private lost(code: number | null, reason: string): void {
    const windowMs = retryWindowMs(code, reason, this.windowMs);
    this.windowMs = 0;
    this.release();
    if (code === SESSION_ENDED) {
      this.set({ status: "CLOSED", closeCode: code, ended: true });
      return;
    }
    const waitMs = this.backoff.next(code === null ? 0 : (FLOOR_MS[code] ?? 0), windowMs);
    this.start("retry", waitMs, () => this.dial());
    this.set({ status: "CLOSED", closeCode: code, retryAt: performance.now() + waitMs });
  }

  private watchSilence(): void {
    const limitMs = this.options.silenceLimitMs ?? 0;
    if (limitMs > 0) this.start("limit", limitMs, () => this.lost(null, ""));
    else this.stop("limit");
  }

  /** Lets go of the socket and all timers. */
  private release(): void {
    for (const name of this.timers.keys()) this.stop(name);
    this.listeners.abort();
    this.socket?.close();
    this.socket = null;
  }

  private set(change: Partial<ConnectionState>): void {
    this.state = { ...this.state, ...change };
    this.options.onState(this.state);
  }

  private start(name: "retry" | "stable" | "limit", ms: number, then: () => void): void {
    this.stop(name);
    this.timers.set(
      name,
      setTimeout(() => {
        this.timers.delete(name);
        then();
      }, ms),
    );
  }

  private stop(name: "retry" | "stable" | "limit"): void {
    clearTimeout(this.timers.get(name));
    this.timers.delete(name);
  }
}

/** The address of a device's stream on the server at `base` (default: the one the page came from). */
export function streamUrl(deviceId: string, base: string = location.href): string {
  return socketUrl(`/ws/device/${encodeURIComponent(deviceId)}`, base);
}

/** The address of the event door on the server at `base` (default: the one the page came from). */
export function doorUrl(base: string = location.href): string {
  return socketUrl("/ws", base);
}

function socketUrl(path: string, base: string): string {
  const url = new URL(path, base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
