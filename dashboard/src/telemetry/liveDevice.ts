import { ageMs, markNow, type Mark } from "./age";
import { Backfill } from "./backfill";
import { catchingUp, type CatchUp } from "./catchUp";
import type { ConnectionState } from "./connection";
import { fetchDevice } from "./device";
import type { EventDoor } from "./door";
import type { DoorMessage } from "./doorMessage";
import type { Span } from "./history";
import { HttpError } from "./http";
import { toDeviceSummary, toTelemetry } from "./parse";
import { Series, type Point } from "./series";
import { liveTimeMs, storedAgeMs } from "./stamps";
import { Store } from "./store";
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
  /** The device is sending what it could not send before; `null` if it is not. */
  catchUp: CatchUp | null;
}

export interface LiveDeviceOptions {
  deviceId: string;
  /** How far back the curves reach at first, ms. */
  windowMs: number;
  /** The device does not exist, or this user may not see it. */
  onUnknownDevice: () => void;
}

/** The longest reach back of what the event door sends by itself, s. */
const MAX_RECENT_S = 900;
/** A server that has not begun to send the recent samples by then is asked over HTTP, ms. */
const RECENT_PATIENCE_MS = 1_500;
/** A sample's stamp may lie this much before or after the time of its arrival as far as this page knows it. */
const OVERLAP_MS = 5_000;

/**
 * One device as it lives: its room at the event door, the history behind it, and what the server says of it. After
 * each loss, and when the server announces late samples, what is missing is fetched.
 */
export class LiveDevice extends Store<LiveSnapshot> {
  private readonly series = new Series();
  /** Ends what runs while somebody listens. */
  private running = new AbortController();
  private backfill: Backfill | null = null;
  private leave: (() => void)[] = [];
  private patience: ReturnType<typeof setTimeout> | undefined;
  private windowMs: number;
  /** The first sample of a joining repeats the latest one, however old. */
  private awaitsFirst = true;
  /** Server time up to which the samples are here or asked for; 0 before the first. */
  private heldUntilMs = 0;

  constructor(
    private readonly door: EventDoor,
    private readonly options: LiveDeviceOptions,
  ) {
    super({
      connection: door.getState(),
      device: null,
      latest: null,
      freshAt: null,
      history: "loading",
      points: [],
      catchUp: null,
    });
    this.windowMs = options.windowMs;
  }

  /** The server's time, Unix ms. */
  now(): number {
    return this.door.clock.now();
  }

  /** The span of the last `windowMs`, by default all that is held: up to now, or to the last sample of a device silent for longer. */
  window(windowMs = this.windowMs): Span {
    const nowMs = this.now();
    const lastMs = this.series.last?.timeMs ?? this.lastSeenMs() ?? nowMs;
    const toMs = nowMs - lastMs > windowMs ? lastMs : Math.max(nowMs, lastMs);
    return { fromMs: toMs - windowMs, toMs };
  }

  /** Holds the samples of the last `windowMs` from now on, and fetches those that are not here; never less. */
  reach(windowMs: number): void {
    if (windowMs <= this.windowMs) return;
    const { fromMs } = this.window();
    this.windowMs = windowMs;
    this.backfill?.request({ fromMs: this.window().fromMs, toMs: fromMs + OVERLAP_MS });
  }

  protected start(): void {
    const { deviceId, onUnknownDevice } = this.options;
    this.running = new AbortController();
    const { signal } = this.running;
    this.backfill = new Backfill({
      ...this.door.request(signal),
      deviceId,
      signal,
      onSamples: (samples) => this.placeStored(samples),
      onFailure: (error) => this.refused(error) || this.change({ history: "failed" }),
    });
    this.leave = [
      this.door.listen(`device/${deviceId}`, (message) => this.received(message), {
        recentS: Math.min(MAX_RECENT_S, this.windowMs / 1_000),
        since: () => this.since(),
        onRefused: (code) => {
          if (code === "forbidden" || code === "not_found") onUnknownDevice();
        },
      }),
      this.door.subscribe(() => this.change({ connection: this.door.getState() })),
    ];
    this.change({ connection: this.door.getState() });
    void this.ask(signal);
  }

  protected stop(): void {
    this.running.abort();
    clearTimeout(this.patience);
    for (const leave of this.leave) leave();
    this.leave = [];
    this.backfill = null;
  }

  /** The device's name and, beside the door, its latest sample. */
  private async ask(signal: AbortSignal): Promise<void> {
    try {
      const device = await fetchDevice(this.options.deviceId, this.door.request(signal));
      if (signal.aborted) return;
      // The presence that the door has told meanwhile is newer.
      const told = this.getSnapshot().device;
      this.change({ device: told === null ? device : { ...told, name: device.name } });
      const { latest } = device;
      if (latest !== null && this.getSnapshot().latest === null) {
        this.show(latest, storedAgeMs(latest, this.now(), this.lastSeenMs()));
      }
    } catch (error) {
      if (signal.aborted || this.refused(error)) return;
      console.warn(`What is known of the device could not be read: ${String(error)}`);
    }
  }

  private received({ type, payload }: DoorMessage): void {
    try {
      if (type === "telemetry") this.receivedSample(toTelemetry(payload, this.options.deviceId));
      else if (type === "telemetry.recent") this.receivedRecent(payload);
      else if (type === "telemetry.backfill") this.receivedBackfill(payload);
      else if (type === "device.status") this.receivedStatus(payload);
      else if (type === "subscribed") this.joined();
    } catch (error) {
      console.warn(`A frame was ignored: ${String(error)}`);
    }
  }

  private joined(): void {
    this.awaitsFirst = true;
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.fillHole(), RECENT_PATIENCE_MS);
  }

  /** What was missed, over HTTP: for a server that does not send it, or not all of it. */
  private fillHole(): void {
    const { fromMs, toMs } = this.window();
    this.backfill?.request({ fromMs: Math.max(fromMs, this.heldUntilMs - OVERLAP_MS), toMs: toMs + OVERLAP_MS });
  }

  /** `null` where nothing is held of what is shown: then the whole window is wanted. */
  private since(): string | null {
    const fromMs = this.heldUntilMs - OVERLAP_MS;
    return fromMs <= this.now() - Math.min(this.windowMs, MAX_RECENT_S * 1_000) ? null : new Date(fromMs).toISOString();
  }

  private receivedSample(sample: TelemetryPayload): void {
    const nowMs = this.now();
    const sampleAgeMs = this.awaitsFirst ? storedAgeMs(sample, nowMs, this.lastSeenMs()) : 0;
    const known = this.awaitsFirst && isSame(this.getSnapshot().latest, sample);
    // The first one may be long past: what lies between is not here.
    if (!this.awaitsFirst) this.heldUntilMs = nowMs;
    this.awaitsFirst = false;
    this.series.add(sample, sampleAgeMs > 0 ? nowMs - sampleAgeMs : liveTimeMs(sample, nowMs));
    this.series.dropBefore(this.window().fromMs);
    this.change({ points: this.series.snapshot(), ...(!known && { latest: sample, freshAt: markNow(sampleAgeMs) }) });
  }

  private receivedRecent({ samples, complete, from }: Record<string, unknown>): void {
    clearTimeout(this.patience);
    const { fromMs } = this.window();
    const wantedMs = this.heldUntilMs > 0 ? Math.max(fromMs, this.heldUntilMs - OVERLAP_MS) : fromMs;
    this.placeStored(readable(samples, this.options.deviceId));
    this.heldUntilMs = this.now();
    const beginMs = Date.parse(String(from));
    // What was left off, and what a longer window wants beside.
    if (complete === false || beginMs > wantedMs + OVERLAP_MS) {
      this.backfill?.request({ fromMs: wantedMs, toMs: complete === false ? this.window().toMs : beginMs });
    }
  }

  private receivedStatus(payload: Record<string, unknown>): void {
    const told = toDeviceSummary(payload);
    const before = this.getSnapshot().device;
    const device = { ...told, name: before?.name ?? told.name, latest: before?.latest ?? null };
    this.change({ device, catchUp: catchingUp(this.getSnapshot().catchUp, device, null) });
  }

  private receivedBackfill(payload: Record<string, unknown>): void {
    const window = this.window();
    const [fromMs, toMs] = [Date.parse(String(payload["from"])), Date.parse(String(payload["to"]))];
    if (!(fromMs <= toMs)) return;
    const { catchUp, device } = this.getSnapshot();
    this.change({ catchUp: catchingUp(catchUp, device, toMs) });
    const span = { fromMs: Math.max(window.fromMs, fromMs), toMs: Math.min(window.toMs, toMs) };
    if (span.fromMs <= span.toMs) this.backfill?.request(span);
  }

  private placeStored(samples: TelemetryPayload[]): void {
    for (const sample of samples) this.series.add(sample, Date.parse(sample.timestamp));
    this.series.dropBefore(this.window().fromMs);
    this.heldUntilMs = Math.max(this.heldUntilMs, this.series.last?.timeMs ?? 0);
    this.change({ history: "ready", points: this.series.snapshot() });
  }

  private show(latest: TelemetryPayload, sampleAgeMs: number): void {
    this.change({ latest, freshAt: markNow(sampleAgeMs) });
  }

  private lastSeenMs(): number | null {
    const seenMs = Date.parse(this.getSnapshot().device?.last_seen ?? "");
    return Number.isNaN(seenMs) ? null : seenMs;
  }

  /** Whether the server refused for good; if so, the page has been told. */
  private refused(error: unknown): boolean {
    if (this.door.endedBy(error)) return true;
    const unknown = error instanceof HttpError && (error.status === 403 || error.status === 404);
    if (unknown) this.options.onUnknownDevice();
    return unknown;
  }

  private change(change: Partial<LiveSnapshot>): void {
    this.set({ ...this.getSnapshot(), ...change });
  }
}

/** Whether what is shown is older than this device's samples usually are: more than 3 s, or than three intervals. */
export function isStale(freshAt: Mark | null, intervalMs: number | null): boolean {
  return freshAt !== null && ageMs(freshAt) > Math.max(3_000, 3 * (intervalMs ?? 0));
}

/** One sample that cannot be read must not hide the others. */
function readable(samples: unknown, deviceId: string): TelemetryPayload[] {
  if (!Array.isArray(samples)) return [];
  return samples.flatMap((sample) => {
    try {
      return [toTelemetry(sample, deviceId)];
    } catch {
      return [];
    }
  });
}

function isSame(a: TelemetryPayload | null, b: TelemetryPayload): boolean {
  return a !== null && a.boot_id === b.boot_id && a.seq === b.seq && a.timestamp === b.timestamp;
}
