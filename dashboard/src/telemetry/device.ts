import { getJson, type RequestOptions } from "./http";
import { toDeviceSummary } from "./parse";
import type { DeviceSummary } from "./types";

/** What the cloud knows of a device now. Throws `HttpError`, or what `fetch` throws without a network. */
export async function fetchDevice(deviceId: string, options: RequestOptions = {}): Promise<DeviceSummary> {
  return toDeviceSummary(await getJson(`/api/devices/${encodeURIComponent(deviceId)}`, {}, options));
}
