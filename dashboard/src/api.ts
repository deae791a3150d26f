import { isObject, type ServerClock } from "./telemetry";

/** Who is logged in. */
export interface User {
  username: string;
  role: string;
  /** The devices that this user is restricted to; `null` for all. */
  devices: readonly string[] | null;
}

/** A request that did not succeed, with a sentence for the user. */
export class ApiError extends Error {
  override name = "ApiError";
  constructor(
    /** HTTP status; 0 if the server could not be reached. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Whether the error says that nobody is logged in any more. */
export function isLoggedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

export async function login(username: string, password: string): Promise<User> {
  return toUser(await call("POST", "/api/login", { body: { username, password } }));
}

export async function logout(): Promise<void> {
  await call("POST", "/api/logout");
}

/**
 * Exchanges the session's cookies for new ones. One tab at a time: a refresh token is good once, and whoever shows it
 * again ends the session.
 */
export async function refresh(): Promise<User> {
  // Only pages with TLS or on loopback have locks.
  return navigator.locks ? await navigator.locks.request("ems-refresh", exchange) : await exchange();
}

async function exchange(): Promise<User> {
  return toUser(await call("POST", "/api/refresh"));
}

export async function me(): Promise<User> {
  return toUser(await call("GET", "/api/me"));
}

/**
 * A request to any route, for the pages: `await request("PUT", "/api/groups/roof", { body: { device_ids: [] } })`.
 * Gives the JSON of the answer, `null` if it is empty. Throws {@link ApiError} with a sentence for the user; an
 * expired access token is renewed on the way.
 */
export async function request(method: Method, path: string, options: CallOptions = {}): Promise<unknown> {
  return call(method, path, options);
}

/** Makes the cookies good again; false if the session is over. Throws if the server cannot be reached. */
export async function renew(): Promise<boolean> {
  refreshing ??= refresh()
    .then(
      () => true,
      (error: unknown) => {
        if (isLoggedOut(error) || (error instanceof ApiError && error.status === 403)) return false;
        throw error;
      },
    )
    .finally(() => {
      refreshing = null;
    });
  return refreshing;
}

const TIMEOUT_MS = 10_000;
/** What has nothing to gain from a refresh. */
const UNREFRESHED: ReadonlySet<string> = new Set(["/api/login", "/api/logout", "/api/refresh"]);

let refreshing: Promise<boolean> | null = null;

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

interface CallOptions {
  body?: unknown;
  /** What stands after the question mark. */
  query?: Record<string, string>;
  signal?: AbortSignal;
  clock?: ServerClock;
  /** An answer that takes longer counts as none. Default 10,000. */
  timeoutMs?: number;
}

async function call(method: Method, path: string, options: CallOptions = {}): Promise<unknown> {
  const { body, query, signal, clock, timeoutMs = TIMEOUT_MS } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const init: RequestInit = {
    method,
    headers: { accept: "application/json", ...(body !== undefined && { "content-type": "application/json" }) },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
  const url = new URL(path, location.href);
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
  let response = await reach(url, init, signal);
  // The access cookie lives for minutes: a page that slept has outlived it, but not its session.
  if (response.status === 401 && !UNREFRESHED.has(path) && (await renew().catch(() => false))) response = await reach(url, init, signal);
  clock?.observeResponse(response);
  if (!response.ok) throw new ApiError(response.status, problem(response, await response.text().catch(() => "")));
  const text = await wholeText(response, signal);
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    throw unknownForm();
  }
}

/** `signal` is the caller's: who ended the request is told just that. */
async function reach(url: URL, init: RequestInit, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, "The server cannot be reached. Check your network connection.");
  }
}

async function wholeText(response: Response, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, "The server's answer broke off or took too long. Try again, or check your network connection.");
  }
}

/** What went wrong, from problem details (RFC 9457) if there are any. */
function problem(response: Response, text: string): string {
  const wait = response.headers.get("retry-after");
  try {
    const details: unknown = JSON.parse(text);
    if (isObject(details)) {
      const sentence = details["detail"] ?? details["title"];
      if (typeof sentence === "string" && sentence !== "") return sentence;
    }
  } catch {
    // A proxy's page in HTML: the status says more.
  }
  if (response.status === 429) return `Too many attempts. Try again ${wait ? `in ${wait} s` : "in a minute"}.`;
  return `The server answered with HTTP ${response.status}.`;
}

function toUser(body: unknown): User {
  if (!isObject(body) || typeof body["username"] !== "string") throw unknownForm();
  const { username, role, devices: some } = body;
  return {
    username,
    role: typeof role === "string" ? role : "viewer",
    devices: Array.isArray(some) ? some.filter((id) => typeof id === "string") : null,
  };
}

function unknownForm(): ApiError {
  return new ApiError(200, "The server's answer is not in a form this page knows. Reload the page.");
}
