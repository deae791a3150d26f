import type { ServerClock } from "./serverClock";

export interface RequestOptions {
  /** Server to ask. Default: where the page came from. */
  baseUrl?: string;
  signal?: AbortSignal;
  /** Told the server's time from the answer. */
  clock?: ServerClock;
  /** An answer that takes longer counts as none. Default 20,000. */
  timeoutMs?: number;
  /** Makes the cookies good again after a 401; false if the session is over. Default: a 401 is an error at once. */
  renew?: () => Promise<boolean>;
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
  { baseUrl, signal, clock, timeoutMs = 20_000, renew }: RequestOptions,
): Promise<unknown> {
  const url = new URL(path, baseUrl ?? location.href);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const timeout = AbortSignal.timeout(timeoutMs);
  const ask = () =>
    fetch(url, {
      headers: { accept: "application/json" },
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
  let response = await ask();
  // The access cookie lives for minutes: a page that slept has outlived it, but not its session.
  if (response.status === 401 && (await renew?.()) === true) response = await ask();
  clock?.observeResponse(response);
  if (!response.ok) throw new HttpError(response.status, `The server answered with HTTP ${response.status}.`);
  return response.json();
}
