import { ageMs, markNow, type Mark } from "./age";
import type { DeviceSummary } from "./types";

/** How far a device is with sending what it could not send before. */
export interface CatchUp {
  /** Measuring time that is still to come, s. */
  leftS: number;
  /** When late samples came last. */
  heardAt: Mark;
}

/** Without late samples for so long, nothing is being caught up. */
const QUIET_MS = 20_000;
/** A few late samples are no backlog. */
const WORTH_TELLING_S = 10;

/**
 * The state after late samples up to `reachedMs` (Unix ms; `null` if only the presence changed). The backlog is sent
 * oldest first and ends where the present connection began.
 */
export function catchingUp(before: CatchUp | null, device: DeviceSummary | null, reachedMs: number | null): CatchUp | null {
  const sinceMs = Date.parse(device?.since ?? "");
  const { backlog } = device ?? {};
  const heardAt = reachedMs === null ? before?.heardAt : markNow();
  if (device === null || !device.online || heardAt === undefined || ageMs(heardAt) > QUIET_MS) return null;
  const leftS = reachedMs === null || Number.isNaN(sinceMs) ? (before?.leftS ?? 0) : (sinceMs - reachedMs) / 1_000;
  if (backlog === 0 || leftS < WORTH_TELLING_S) return null;
  return { leftS, heardAt };
}

/** Whether it still goes on. */
export function isCatchingUp(catchUp: CatchUp | null): catchUp is CatchUp {
  return catchUp !== null && ageMs(catchUp.heardAt) < QUIET_MS;
}
