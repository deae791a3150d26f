import type { ReactNode } from "react";
import { describeConnection } from "../components/ConnectionPill";
import { Dot, type Tone } from "../components/Dot";
import { age, duration, moment } from "../format";
import { isCatchingUp, useDoor, type CatchUp, type ConnectionState, type DeviceSummary, type Presence } from "../telemetry";

interface TruthsProps {
  connection: ConnectionState;
  device: DeviceSummary | null;
  catchUp: CatchUp | null;
  /** Age of the newest sample, ms; `null` if there is none. */
  ageMs: number | null;
  stale: boolean;
  /** Server time, Unix ms. */
  nowMs: number;
}

/** Three truths apart: this page's connection, the device, the age of the data. Any of them can be bad alone. */
export function Truths({ connection, device, catchUp, ageMs, stale, nowMs }: TruthsProps) {
  const { retryNow } = useDoor();
  const mine = describeConnection(connection);
  const theirs = describeDevice(device, nowMs, connection.status === "OPEN");
  const data = ageMs === null ? "no data yet" : `${age(ageMs)} ago`;
  return (
    <>
      <dl className="truths">
        <Truth title="This page" tone={mine.tone}>
          <span data-testid="connection-status" data-status={connection.status}>
            {mine.text}
          </span>
          {connection.retryAt !== null && (
            <button type="button" className="button button-small" onClick={retryNow}>
              Try now
            </button>
          )}
        </Truth>
        <Truth title="Device" tone={theirs.tone}>
          <span data-testid="device-online">{theirs.text}</span>
          {theirs.note !== "" && <span className="truth-note">{theirs.note}</span>}
          {isCatchingUp(catchUp) && (
            <span className="truth-note" data-testid="catching-up">
              catching up: {duration(catchUp.leftS)} left
            </span>
          )}
        </Truth>
        <Truth title="Data" tone={ageMs === null ? "idle" : stale ? "warn" : "good"}>
          <span data-testid="live-age">{data}</span>
          {stale && <span className="truth-note">stale</span>}
        </Truth>
      </dl>
      <p className="visually-hidden" role="status">
        {`Device ${theirs.text}. ${stale ? "The values are stale." : ""}`}
      </p>
    </>
  );
}

function Truth({ title, tone, children }: { title: string; tone: Tone; children: ReactNode }) {
  return (
    <div className="truth">
      <dt>{title}</dt>
      <dd>
        <Dot tone={tone} />
        <span className="truth-words">{children}</span>
      </dd>
    </div>
  );
}

interface DeviceTruth {
  tone: Tone;
  text: string;
  note: string;
}

function describeDevice(device: DeviceSummary | null, nowMs: number, connected: boolean): DeviceTruth {
  if (device === null) return { tone: "idle", text: "unknown", note: "" };
  const { status, since } = device;
  const text = STATUS[status];
  // Without a connection of its own the page knows nothing of the device's.
  if (!connected) return { tone: "idle", text, note: "when last heard of" };
  const sinceMs = Date.parse(since ?? "");
  const note = Number.isNaN(sinceMs) ? "" : `since ${moment(sinceMs, nowMs)}`;
  return { tone: TONES[status], text, note: device.last_seen === null ? "never seen" : note };
}

const STATUS: Record<Presence, string> = {
  online: "online",
  stale: "connected, but silent",
  offline: "offline",
  never: "offline",
};

const TONES: Record<Presence, Tone> = { online: "good", stale: "warn", offline: "bad", never: "idle" };
