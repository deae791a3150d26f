import { request } from "../api";
import { toDeviceEvent, type DeviceEvent } from "../telemetry";
import { devicePath, listOf, withQuery } from "./read";

interface EventQuery {
  fromMs?: number;
  toMs?: number;
  limit?: number;
}

/** Events of a device in a span, newest first. */
export async function fetchEvents(
  deviceId: string,
  { fromMs, toMs, limit = 200 }: EventQuery,
  signal: AbortSignal,
): Promise<DeviceEvent[]> {
  const path = withQuery(devicePath(deviceId, "/events"), { from: iso(fromMs), to: iso(toMs), limit });
  return listOf(await request("GET", path, { signal }), "events", (json) => toDeviceEvent(json, deviceId));
}

function iso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
