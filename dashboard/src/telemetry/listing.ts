import { Backoff, sleep } from "./backoff";
import type { EventDoor } from "./door";
import { getJson, HttpError } from "./http";

interface ListingOptions {
  door: EventDoor;
  path: string;
  query: Record<string, string>;
  onBody: (body: unknown) => void;
}

/** A list that is asked for until it comes. Asked for anew, the earlier request is ended: the newest answer is the one. */
export class Listing {
  private running: AbortController | null = null;

  constructor(private readonly options: ListingOptions) {}

  /** It was asked for and has not come. */
  get isRunning(): boolean {
    return this.running !== null;
  }

  fetch(): void {
    this.stop();
    this.running = new AbortController();
    const { signal } = this.running;
    void this.run(signal).finally(() => {
      if (!signal.aborted) this.running = null;
    });
  }

  stop(): void {
    this.running?.abort();
    this.running = null;
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { door, path, query, onBody } = this.options;
    const backoff = new Backoff({ baseMs: 1_000 });
    while (!signal.aborted) {
      try {
        const body = await getJson(path, query, door.request(signal));
        if (!signal.aborted) onBody(body);
        return;
      } catch (error) {
        if (signal.aborted || door.endedBy(error)) return;
        console.warn(`${path} could not be read: ${String(error)}`);
        if (isFinal(error)) return;
      }
      await sleep(backoff.next(500), signal);
    }
  }
}

/** The server would answer the same again: it does not give this to this user, or has no such thing. */
function isFinal(error: unknown): boolean {
  return error instanceof HttpError && error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429;
}
