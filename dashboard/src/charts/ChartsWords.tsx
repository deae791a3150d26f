import { age, moment } from "../format";
import type { LiveDevice, LiveSnapshot } from "../telemetry";
import { useTick } from "../useTick";

interface ChartsTitleProps {
  live: LiveDevice;
  windowS: number;
  /** End of the span at which the curves were stopped, Unix s; `null` while they move. */
  heldAt: number | null;
}

/** Which time the curves show. */
export function ChartsTitle({ live, windowS, heldAt }: ChartsTitleProps) {
  useTick(1_000);
  const nowMs = live.now();
  const minutes = windowS / 60;
  const words = minutes === 1 ? "minute" : `${minutes} minutes`;
  const { toMs } = live.window(windowS * 1_000);
  const until = nowMs - toMs > 2_000 ? ` until ${moment(toMs, nowMs)}` : "";
  return (
    <h2 className="card-title" data-testid="charts-title">
      {heldAt === null ? `Last ${words}${until}` : `Held at ${moment(heldAt * 1_000, nowMs, true)}`}
    </h2>
  );
}

/** Why there are no curves. */
export function ChartsMessage({ live, snapshot }: { live: LiveDevice; snapshot: LiveSnapshot }) {
  useTick(1_000);
  return <p className="charts-message">{messageOf(snapshot, live.now())}</p>;
}

function messageOf({ history, device }: LiveSnapshot, nowMs: number): string {
  if (history === "loading") return "Loading the last minutes…";
  if (history === "failed") return "The history cannot be read at present. Trying again.";
  const seenMs = Date.parse(device?.last_seen ?? "");
  if (Number.isNaN(seenMs)) return "This device has not sent anything yet. An admin finds what to run on it under Admin, Devices, New token.";
  return `No sample in this span. The device was last heard of ${age(nowMs - seenMs)} ago.`;
}
