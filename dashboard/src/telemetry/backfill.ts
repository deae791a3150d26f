import { Backoff, sleep } from "./backoff";
import { fetchHistory, type Span } from "./history";
import type { RequestOptions } from "./http";
import type { TelemetryPayload } from "./types";

export interface BackfillOptions extends RequestOptions {
  deviceId: string;
  /** Ends all requests and waits. */
  signal: AbortSignal;
  onSamples: (samples: TelemetryPayload[]) => void;
  /** A request failed. It is repeated unless the caller ends it through `signal`. */
  onFailure: (error: unknown) => void;
}

/**
 * Fetches spans of history, one request at a time. Spans asked for meanwhile are joined into one, so that a
 * burst of announcements costs one request; a failed span is tried again until it succeeds.
 */
export class Backfill {
  private wanted: Span | null = null;
  private running = false;
  private readonly backoff = new Backoff({ baseMs: 1_000 });

  constructor(private readonly options: BackfillOptions) {}

  request(span: Span): void {
    this.wanted = join(this.wanted, span);
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    const { deviceId, signal, onSamples, onFailure } = this.options;
    this.running = true;
    while (this.wanted !== null && !signal.aborted) {
      const span = this.wanted;
      this.wanted = null;
      try {
        const samples = await fetchHistory(deviceId, span, this.options);
        if (signal.aborted) break;
        this.backoff.reset();
        onSamples(samples);
      } catch (error) {
        if (signal.aborted) break;
        this.wanted = join(this.wanted, span);
        onFailure(error);
        await sleep(this.backoff.next(500), signal);
      }
    }
    this.running = false;
  }
}

function join(a: Span | null, b: Span): Span {
  return a === null ? b : { fromMs: Math.min(a.fromMs, b.fromMs), toMs: Math.max(a.toMs, b.toMs) };
}
