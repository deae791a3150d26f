import { call } from "../api";
import { toSeverity, type Severity } from "./alarms";
import { devicePath, listOf, text, time, withQuery, type Json } from "./read";
import { isObject } from "../telemetry";

/** Something a device told: a sensor lost, a mode changed. All texts are the device's own. */
export interface DeviceEvent {
  deviceId: string;
  /** By the device's clock, Unix ms. */
  timeMs: number;
  severity: Severity;
  code: string;
  message: string;
  details: Json | null;
}

interface EventQuery {
  fromMs?: number;
  toMs?: number;
  limit?: number;
}

/** Events of a device, newest first. */
export async function fetchEvents(
  deviceId: string,
  { fromMs, toMs, limit = 200 }: EventQuery,
  signal: AbortSignal,
): Promise<DeviceEvent[]> {
  const path = withQuery(devicePath(deviceId, "/events"), { from: iso(fromMs), to: iso(toMs), limit });
  const events = listOf(await call("GET", path, { signal }), "events", (json) => toEvent(json, deviceId));
  return events.filter(({ timeMs }) => timeMs >= (fromMs ?? -Infinity) && timeMs <= (toMs ?? Infinity));
}

/** An event as a route or a room tells it; `deviceId` is whose it is if it does not say so. */
export function toEvent(json: Json, deviceId?: string): DeviceEvent | null {
  const timeMs = time(json["timestamp"]);
  const whose = text(json["device_id"]) ?? deviceId;
  if (timeMs === null || whose === undefined) return null;
  return {
    deviceId: whose,
    timeMs,
    severity: toSeverity(json["severity"]),
    code: text(json["code"]) ?? "",
    message: text(json["message"]) ?? "",
    details: isObject(json["details"]) ? json["details"] : null,
  };
}

function iso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
