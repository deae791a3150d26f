import type { ServerClock } from "./serverClock";

export interface RequestOptions {
  /** Server to ask. Default: where the page came from. */
  baseUrl?: string;
  signal?: AbortSignal;
  /** Told the server's time from the answer. */
  clock?: ServerClock;
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

/** An answer that takes longer than this is no sign of a working network. */
const TIMEOUT_MS = 4_000;

/** GETs JSON. Throws {@link HttpError}, or what `fetch` throws when the server cannot be reached. */
export async function getJson(
  path: string,
  query: Record<string, string>,
  { baseUrl, signal, clock }: RequestOptions,
): Promise<unknown> {
  const url = new URL(path, baseUrl ?? location.href);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, {
    headers: { accept: "application/json" },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  clock?.observeResponse(response);
  if (!response.ok) throw new HttpError(response.status, `The server answered with HTTP ${response.status}.`);
  return response.json();
}
