import { ApiError } from "../api";
import { isObject } from "../telemetry";

export type Json = Record<string, unknown>;

/** The entries of the list `body[key]`; those that cannot be read are left out, so that one never hides the others. */
export function listOf<T>(body: unknown, key: string, read: (entry: Json) => T | null): T[] {
  const list = isObject(body) ? body[key] : undefined;
  if (!Array.isArray(list)) throw unknownForm();
  return list.flatMap((entry: unknown) => {
    const value = isObject(entry) ? read(entry) : null;
    return value === null ? [] : [value];
  });
}

/** What `read` makes of the whole answer. Throws `ApiError` if that is nothing. */
export function one<T>(body: unknown, read: (entry: Json) => T | null): T {
  const value = isObject(body) ? read(body) : null;
  if (value === null) throw unknownForm();
  return value;
}

export { toNumber as number, toText as text } from "../telemetry";

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === "string") : [];
}

/** A time as Unix ms; `null` if it is none. */
export function time(value: unknown): number | null {
  const ms = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** `path?a=1&b=2`, without the parameters that are not set. */
export function withQuery(path: string, query: Record<string, string | number | null | undefined>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const encoded = parameters.toString();
  return encoded === "" ? path : `${path}?${encoded}`;
}

/** The path of something below a device. */
export function devicePath(deviceId: string, rest = ""): string {
  return `/api/devices/${encodeURIComponent(deviceId)}${rest}`;
}

/** The answer is none that this page understands. */
export function unknownForm(): ApiError {
  return new ApiError(200, "The server's answer is not in a form this page knows. Reload the page.");
}
