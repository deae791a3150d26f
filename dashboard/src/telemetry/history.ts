import { getJson, HttpError, type RequestOptions } from "./http";
import { isObject, toTelemetry } from "./parse";
import type { TelemetryPayload } from "./types";

/** A span of time, Unix ms, both ends included. */
export interface Span {
  fromMs: number;
  toMs: number;
}

/** Samples asked for in one request, and how many requests one span may take. */
const PAGE_LIMIT = 2_000;
const MAX_PAGES = 10;

/**
 * The stored samples of a device in `span`, oldest first. What the server cuts off is asked for again from
 * where it stopped. Throws `HttpError`, or what `fetch` throws when the server cannot be reached.
 */
export async function fetchHistory(
  deviceId: string,
  span: Span,
  options: RequestOptions = {},
): Promise<TelemetryPayload[]> {
  const samples: TelemetryPayload[] = [];
  let { fromMs } = span;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await fetchPage(deviceId, { fromMs, toMs: span.toMs }, options);
    samples.push(...answer.samples);
    const last = answer.samples.at(-1);
    const lastMs = last === undefined ? NaN : Date.parse(last.timestamp);
    if (!answer.truncated || !(lastMs > fromMs)) break;
    // Inclusive: samples that share the millisecond at the cut come twice rather than never.
    fromMs = lastMs;
  }
  return samples;
}

async function fetchPage(deviceId: string, { fromMs, toMs }: Span, options: RequestOptions) {
  const body = await getJson(
    `/api/devices/${encodeURIComponent(deviceId)}/telemetry`,
    { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), limit: String(PAGE_LIMIT) },
    options,
  );
  if (!isObject(body) || !Array.isArray(body["samples"])) {
    throw new HttpError(200, "The history is not in a form this page knows.");
  }
  return {
    samples: body["samples"].flatMap((sample) => readable(sample, deviceId)),
    truncated: body["truncated"] === true,
  };
}

/** One sample that cannot be read must not hide the others. */
function readable(sample: unknown, deviceId: string): TelemetryPayload[] {
  try {
    return [toTelemetry(sample, deviceId)];
  } catch {
    return [];
  }
}
