import type { Span } from "./history";
import type { TelemetryPayload } from "./types";

/** A sample at its place on the time axis. */
export interface Point {
  /** Unix time, ms. */
  timeMs: number;
  sample: TelemetryPayload;
}

/** The most points a series holds: 15 min at 20 Hz. Beyond it the oldest go. */
const MAX_POINTS = 18_000;

/** The recent samples of one device in order of time, each once. */
export class Series {
  private points: Point[] = [];
  private shared: readonly Point[] | null = null;
  private readonly keys = new Set<string>();

  /** A copy that does not change; the same one until the series does. */
  snapshot(): readonly Point[] {
    this.shared ??= [...this.points];
    return this.shared;
  }

  get last(): Point | undefined {
    return this.points.at(-1);
  }

  /** Puts a sample at `timeMs`. Returns false if it is there already. */
  add(sample: TelemetryPayload, timeMs: number): boolean {
    const key = keyOf(sample, timeMs);
    if (this.keys.has(key)) return false;
    this.keys.add(key);
    this.shared = null;
    this.points.splice(this.positionAfter(timeMs), 0, { timeMs, sample });
    if (this.points.length > MAX_POINTS) this.dropFirst(this.points.length - MAX_POINTS);
    return true;
  }

  /** Forgets what is older than `timeMs`. */
  dropBefore(timeMs: number): void {
    this.dropFirst(this.points.findLastIndex((point) => point.timeMs < timeMs) + 1);
  }

  private positionAfter(timeMs: number): number {
    // Samples come in order almost always: the search starts at the end.
    return this.points.findLastIndex((point) => point.timeMs <= timeMs) + 1;
  }

  private dropFirst(count: number): void {
    if (count <= 0) return;
    this.shared = null;
    for (const { sample, timeMs } of this.points.splice(0, count)) this.keys.delete(keyOf(sample, timeMs));
  }
}

/** The points of a span. */
export function within(points: readonly Point[], { fromMs, toMs }: Span): Point[] {
  return points.filter(({ timeMs }) => timeMs >= fromMs && timeMs <= toMs);
}

/** The usual time between the newest samples, ms; `null` while there are too few to tell. */
export function usualIntervalMs(points: readonly Point[]): number | null {
  const steps = points
    .slice(-31)
    .map((point, i, recent) => point.timeMs - (recent[i - 1]?.timeMs ?? NaN))
    .filter((step) => step > 0)
    .toSorted((a, b) => a - b);
  return steps.length < 3 ? null : (steps[Math.floor(steps.length / 2)] ?? null);
}

/**
 * Whether samples are missing between two neighbours. The numbering knows exactly; without it, or across a
 * reboot, a step of more than 2.5 usual intervals (and 2.5 s, for jitter) counts as missing.
 */
export function isGap(before: Point, after: Point, intervalMs: number | null): boolean {
  const stepMs = after.timeMs - before.timeMs;
  const usualMs = Math.max(intervalMs ?? 1_000, 1_000);
  const [a, b] = [before.sample, after.sample];
  if (a.boot_id !== undefined && a.boot_id === b.boot_id && a.seq !== undefined && b.seq !== undefined) {
    return b.seq !== a.seq + 1 || stepMs > 10 * usualMs;
  }
  return stepMs > 2.5 * usualMs;
}

function keyOf({ boot_id, seq }: TelemetryPayload, timeMs: number): string {
  return boot_id !== undefined && seq !== undefined ? `${boot_id}/${seq}` : `@${timeMs}`;
}
