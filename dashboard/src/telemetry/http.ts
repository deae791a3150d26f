import type { ServerClock } from "./serverClock";

export interface RequestOptions {
  /** Server to ask. Default: where the page came from. */
  baseUrl?: string;
  signal?: AbortSignal;
  /** Told the server's time from the answer. */
  clock?: ServerClock;
  /** An answer that takes longer counts as none. Default 20,000. */
  timeoutMs?: number;
}

/** The server answered, but not with what was asked for. */
export class HttpError extends Error {
  override name = "HttpError";
  constructor(
    /** HTTP status. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** GETs JSON. Throws {@link HttpError}, or what `fetch` throws when the server cannot be reached. */
export async function getJson(
  path: string,
  query: Record<string, string>,
  { baseUrl, signal, clock, timeoutMs = 20_000 }: RequestOptions,
): Promise<unknown> {
  const url = new URL(path, baseUrl ?? location.href);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const timeout = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, {
    headers: { accept: "application/json" },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  clock?.observeResponse(response);
  if (!response.ok) throw new HttpError(response.status, `The server answered with HTTP ${response.status}.`);
  return response.json();
}
