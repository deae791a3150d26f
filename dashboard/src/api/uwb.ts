import { request } from "../api";
import { isObject } from "../telemetry";
import { listOf, number, text, time, withQuery, type Json } from "./read";

/** Where a UWB tag was; metres in the plane of the anchors. */
export interface Fix {
  tag: string;
  x: number;
  y: number;
  z: number;
  /** Radius that holds the tag, m; `null` if the module does not tell. */
  accuracy: number | null;
  /** %, as the module rates the fix. */
  quality: number | null;
  /** Unix ms. */
  timeMs: number;
  /** From the list of tags: by the time of receipt, without accuracy. A proper fix takes its place. */
  rough: boolean;
}

export async function fetchTags(signal: AbortSignal): Promise<Fix[]> {
  return listOf(await request("GET", "/api/uwb/devices", { signal }), "devices", (json) =>
    toFix({ device_id: json["id"], timestamp: json["last_seen"], location: json["location"] }, true),
  );
}

/** The newest fixes of a tag from `fromMs` on, oldest first. */
export async function fetchTrail(tag: string, fromMs: number, limit: number, signal: AbortSignal): Promise<Fix[]> {
  const path = `/api/uwb/devices/${encodeURIComponent(tag)}/locations`;
  const query = { from: new Date(fromMs).toISOString(), limit };
  return listOf(await request("GET", withQuery(path, query), { signal }), "locations", (json) => toFix(json));
}

/** A `uwb.location`. */
export function toFix(json: Json, rough = false): Fix | null {
  const tag = text(json["device_id"]);
  const timeMs = time(json["timestamp"]);
  const location = isObject(json["location"]) ? json["location"] : {};
  const [x, y, z] = [number(location["x"]), number(location["y"]), number(location["z"])];
  if (tag === null || timeMs === null || x === null || y === null) return null;
  const accuracy = number(json["accuracy"]);
  return {
    tag,
    x,
    y,
    z: z ?? 0,
    accuracy: accuracy !== null && accuracy > 0 ? accuracy : null,
    quality: number(json["quality"]),
    timeMs,
    rough,
  };
}
