import { ageMs, markNow, type Mark } from "./age";
import { Backfill } from "./backfill";
import { Connection, streamUrl, type ConnectionOptions, type ConnectionState } from "./connection";
import { fetchDevice } from "./device";
import type { Span } from "./history";
import { isObject, parseObject, toDeviceSummary, toTelemetry } from "./parse";
import { Series, usualIntervalMs, type Point } from "./series";
import { ServerClock } from "./serverClock";
import { liveTimeMs, storedAgeMs } from "./stamps";
import type { DeviceSummary, TelemetryPayload } from "./types";

/** What a page shows of one device. A new object at each change, equal parts kept. */
export interface LiveSnapshot {
  connection: ConnectionState;
  /** `null` until the server has told. */
  device: DeviceSummary | null;
  /** The newest sample, which may be a gap that says why there is no reading. */
  latest: TelemetryPayload | null;
  /** When the newest sample was fresh. */
  freshAt: Mark | null;
  /** Of the curves: `loading` before the first answer, `failed` while the server does not give them. */
  history: "loading" | "ready" | "failed";
  /** The samples of the window in order of time; a new array whenever they changed. */
  points: readonly Point[];
}

export interface LiveDeviceOptions extends Pick<ConnectionOptions, "backoff" | "stableAfterMs"> {
  deviceId: string;
  /** How far back the curves reach, ms. */
  windowMs: number;
  /** Server to connect to. Default: where the page came from. */
  baseUrl?: string;
  /** The session is over: the user has to log in again. */
  onSessionEnded: () => void;
  /** The device does not exist, or this user may not see it. */
  onUnknownDevice: () => void;
}

/** Two missed heartbeats of 30 s, and some. */
const SILENCE_LIMIT_MS = 65_000;
/** A device that is said to be online and silent for longer gives reason to ask the server. */
const SUSPICIOUS_AGE_MS = 2_500;
const WATCH_INTERVAL_MS = 500;
/** With no frame either, a server that takes longer to answer counts as out of reach; also the pause between questions. */
const PROBE_TIMEOUT_MS = 2_000;
/** A sample's stamp may lie this much before or after the time of its arrival as far as this page knows it. */
const OVERLAP_MS = 5_000;

/**
 * One device as it lives: a socket in typed mode, the history behind it, and what the server says of the
 * device. After each reconnect, and when the server announces late samples, the missing span is fetched.
 */
export class LiveDevice {
  /** The server's time. */
  readonly clock = new ServerClock();
  private snapshot: LiveSnapshot = {
    connection: { status: "CONNECTING", retryAt: null, closeCode: null, ended: false },
    device: null,
    latest: null,
    freshAt: null,
    history: "loading",
    points: [],
  };
  private readonly series = new Series();
  private readonly listeners = new Set<() => void>();
  /** Ends what runs while somebody listens. */
  private running = new AbortController();
  private backfill: Backfill | null = null;
  private connection: Connection | null = null;
  private watch: ReturnType<typeof setInterval> | undefined;
  private probing = false;
  private probedAt: Mark | null = null;
  /** The first sample of a connection repeats the latest one, however old. */
  private awaitsFirst = true;
  private frames = 0;
  /** Server time up to which the samples are here or asked for. */
  private heldUntilMs = 0;

  constructor(private readonly options: LiveDeviceOptions) {}

  /** Calls `listener` at each change. Connected while there is a listener: the first connects, the last closes. */
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.start();
    return () => {
      if (this.listeners.delete(listener) && this.listeners.size === 0) this.stop();
    };
  };

  getSnapshot = (): LiveSnapshot => this.snapshot;

  /** Ends a wait between attempts. */
  retryNow = (): void => this.connection?.retryNow();

  /** The span the curves show: up to now, or up to the last sample of a device silent for longer than that. */
  window(): Span {
    const nowMs = this.clock.now();
    const lastMs = this.series.last?.timeMs ?? this.lastSeenMs() ?? nowMs;
    const toMs = nowMs - lastMs > this.options.windowMs ? lastMs : Math.max(nowMs, lastMs);
    return { fromMs: toMs - this.options.windowMs, toMs };
  }

  private start(): void {
    this.running = new AbortController();
    this.probing = false;
    this.backfill = new Backfill({
      ...this.options,
      clock: this.clock,
      signal: this.running.signal,
      onSamples: (samples) => this.placeStored(samples),
      onFailure: (error) => this.refused(error) || this.change({ history: "failed" }),
    });
    void this.probe();
    this.watch = setInterval(() => this.askIfSuspicious(), WATCH_INTERVAL_MS);
    this.connection = new Connection({
      ...this.options,
      url: streamUrl(this.options.deviceId, this.options.baseUrl),
      protocols: ["ems.v1"],
      silenceLimitMs: SILENCE_LIMIT_MS,
      onState: (state) => this.connectionChanged(state),
      onText: (text) => this.received(text),
    });
  }

  private stop(): void {
    this.running.abort();
    clearInterval(this.watch);
    this.connection?.close();
    this.connection = null;
  }

  private askIfSuspicious(): void {
    const { connection, device, freshAt, points } = this.snapshot;
    if (this.probedAt !== null && ageMs(this.probedAt) < PROBE_TIMEOUT_MS) return;
    const patienceMs = Math.max(SUSPICIOUS_AGE_MS, 2.5 * (usualIntervalMs(points) ?? 0));
    const silent = freshAt === null || ageMs(freshAt) > patienceMs;
    if (connection.status === "OPEN" && (device === null || (device.online && silent))) void this.probe();
  }

  /**
   * Asks the server about the device. Silence on an open socket means a silent device or a dead network:
   * without an answer it is the network, and the socket is replaced.
   */
  private async probe(): Promise<void> {
    if (this.probing) return;
    this.probing = true;
    this.probedAt = markNow();
    const { frames } = this;
    const { signal } = this.running;
    const suspect = this.snapshot.connection.status === "OPEN";
    try {
      const options = { ...this.options, clock: this.clock, signal, timeoutMs: PROBE_TIMEOUT_MS };
      const device = await fetchDevice(this.options.deviceId, options);
      if (!signal.aborted) this.deviceFetched(device);
    } catch (error) {
      if (signal.aborted || this.refused(error) || statusOf(error) !== undefined) return;
      if (suspect && frames === this.frames) this.connection?.restart();
    } finally {
      if (this.running.signal === signal) this.probing = false;
    }
  }

  private deviceFetched(device: DeviceSummary): void {
    const first = this.snapshot.device === null;
    this.change({ device });
    if (device.latest !== null && this.snapshot.latest === null) {
      this.show(device.latest, storedAgeMs(device.latest, this.clock.now(), this.lastSeenMs()));
    }
    if (first) this.request(this.window());
  }

  private connectionChanged(connection: ConnectionState): void {
    const before = this.snapshot.connection.status;
    this.change({ connection });
    if (connection.ended) this.options.onSessionEnded();
    else if (connection.status === "CONNECTING") this.awaitsFirst = true;
    else if (connection.status === "OPEN") this.fillHole();
    // A refused upgrade looks like any other failure to a browser: the HTTP interface tells which it is.
    else if (before === "CONNECTING") void this.probe();
  }

  private fillHole(): void {
    // Before the device is known its window is not either; the first answer asks for all of it.
    if (this.snapshot.device === null) return;
    const { fromMs, toMs } = this.window();
    this.request({ fromMs: Math.max(fromMs, this.heldUntilMs - OVERLAP_MS), toMs });
  }

  private received(text: string): void {
    this.frames += 1;
    try {
      const { type, payload } = parseObject(text);
      if (type === "telemetry") this.receivedSample(toTelemetry(payload, this.options.deviceId));
      else if (isObject(payload)) this.receivedMessage(type, payload);
    } catch (error) {
      console.warn(`A frame was ignored: ${String(error)}`);
    }
  }

  private receivedSample(sample: TelemetryPayload): void {
    const nowMs = this.clock.now();
    const sampleAgeMs = this.awaitsFirst ? storedAgeMs(sample, nowMs, this.lastSeenMs()) : 0;
    const known = this.awaitsFirst && isSame(this.snapshot.latest, sample);
    this.awaitsFirst = false;
    this.heldUntilMs = nowMs;
    this.series.add(sample, sampleAgeMs > 0 ? nowMs - sampleAgeMs : liveTimeMs(sample, nowMs));
    this.series.dropBefore(this.window().fromMs);
    this.change({ points: this.series.snapshot() });
    if (!known) this.show(sample, sampleAgeMs);
  }

  private receivedMessage(type: unknown, payload: Record<string, unknown>): void {
    if (type === "system.heartbeat") this.clock.observe(Date.parse(String(payload["server_time"])), 100);
    else if (type === "device.status") this.receivedStatus(payload);
    else if (type === "telemetry.backfill") this.receivedBackfill(payload);
    else if (type === "error") console.warn("The server could not use a message:", payload["code"], payload["message"]);
  }

  private receivedStatus(payload: Record<string, unknown>): void {
    const { device_id, online, since, last_seen } = toDeviceSummary(payload);
    const known = this.snapshot.device;
    if (device_id === known?.device_id) this.change({ device: { ...known, online, since, last_seen } });
  }

  private receivedBackfill(payload: Record<string, unknown>): void {
    const window = this.window();
    const fromMs = Math.max(window.fromMs, Date.parse(String(payload["from"])));
    const toMs = Math.min(window.toMs, Date.parse(String(payload["to"])));
    if (fromMs <= toMs) this.backfill?.request({ fromMs, toMs });
  }

  private request({ fromMs, toMs }: Span): void {
    this.heldUntilMs = toMs;
    this.backfill?.request({ fromMs, toMs: toMs + OVERLAP_MS });
  }

  private placeStored(samples: TelemetryPayload[]): void {
    for (const sample of samples) this.series.add(sample, Date.parse(sample.timestamp));
    this.series.dropBefore(this.window().fromMs);
    this.change({ history: "ready", points: this.series.snapshot() });
  }

  private show(latest: TelemetryPayload, sampleAgeMs: number): void {
    this.change({ latest, freshAt: markNow(sampleAgeMs) });
  }

  private lastSeenMs(): number | null {
    const seenMs = Date.parse(this.snapshot.device?.last_seen ?? "");
    return Number.isNaN(seenMs) ? null : seenMs;
  }

  /** Whether the server refused for good; if so, the page has been told. */
  private refused(error: unknown): boolean {
    const status = statusOf(error);
    if (status === 401) this.options.onSessionEnded();
    else if (status === 403 || status === 404) this.options.onUnknownDevice();
    else return false;
    return true;
  }

  private change(change: Partial<LiveSnapshot>): void {
    this.snapshot = { ...this.snapshot, ...change };
    for (const listener of this.listeners) listener();
  }
}

/** The HTTP status, if the server answered at all. */
function statusOf(error: unknown): unknown {
  return error instanceof Error && "status" in error ? error.status : undefined;
}

function isSame(a: TelemetryPayload | null, b: TelemetryPayload): boolean {
  return a !== null && a.boot_id === b.boot_id && a.seq === b.seq && a.timestamp === b.timestamp;
}
