import type { TelemetryPayload } from "./types";

/** A device's clock further off than this from the server's does not place its live samples. */
const CLOCK_TRUST_MS = 60_000;

/** The place on the time axis of a sample that came live at `nowMs` (server time): its stamp, if it can be right. */
export function liveTimeMs(sample: TelemetryPayload, nowMs: number): number {
  const stampMs = Date.parse(sample.timestamp);
  const plausible = sample.clock !== "unsynced" && Math.abs(stampMs - nowMs) < CLOCK_TRUST_MS;
  return plausible ? stampMs : nowMs;
}

/**
 * The age of a sample that was taken before this page saw it, ms.
 *
 * Its stamp tells if the device's clock was synchronised. Otherwise a recent stamp is believed, and of any
 * other the server's `last_seen` is the better witness.
 */
export function storedAgeMs(sample: TelemetryPayload, nowMs: number, lastSeenMs: number | null): number {
  const stampAgeMs = nowMs - Date.parse(sample.timestamp);
  const synchronised = sample.clock === "synced" || sample.clock === "server";
  const recent = sample.clock !== "unsynced" && Math.abs(stampAgeMs) < CLOCK_TRUST_MS;
  const believed = synchronised || recent || lastSeenMs === null ? stampAgeMs : nowMs - lastSeenMs;
  return Math.max(0, believed);
}
