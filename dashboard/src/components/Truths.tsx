import type { ReactNode } from "react";
import { age, moment } from "../format";
import type { ConnectionState, DeviceSummary } from "../telemetry";
import { Dot, type Tone } from "./Dot";

interface TruthsProps {
  connection: ConnectionState;
  device: DeviceSummary | null;
  /** Age of the newest sample, ms; `null` if there is none. */
  ageMs: number | null;
  stale: boolean;
  /** Server time, Unix ms. */
  nowMs: number;
  onRetry: () => void;
}

/** Three truths apart: this page's connection, the device, the age of the data. Any of them can be bad alone. */
export function Truths({ connection, device, ageMs, stale, nowMs, onRetry }: TruthsProps) {
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
            <button type="button" className="button button-small" onClick={onRetry}>
              Try now
            </button>
          )}
        </Truth>
        <Truth title="Device" tone={theirs.tone}>
          <span data-testid="device-online">{theirs.text}</span>
          {theirs.note !== "" && <span className="truth-note">{theirs.note}</span>}
        </Truth>
        <Truth title="Data" tone={ageMs === null ? "idle" : stale ? "warn" : "good"}>
          <span data-testid="live-age">{data}</span>
          {stale && <span className="truth-note">stale</span>}
        </Truth>
      </dl>
      <p className="visually-hidden" role="status">
        {`${mine.spoken}. Device ${theirs.text}. ${stale ? "The values are stale." : ""}`}
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
        {children}
      </dd>
    </div>
  );
}

/** `spoken` leaves out the countdown, which would interrupt a screen reader each second. */
function describeConnection({ status, retryAt, closeCode }: ConnectionState): { tone: Tone; text: string; spoken: string } {
  if (status === "OPEN") return { tone: "good", text: "connected", spoken: "Connected" };
  if (status === "CONNECTING") return { tone: "idle", text: "connecting…", spoken: "Connecting" };
  const why = REASONS[closeCode ?? 0] ?? "connection lost";
  if (retryAt === null) return { tone: "bad", text: why, spoken: why };
  const seconds = Math.max(0, Math.ceil((retryAt - performance.now()) / 1_000));
  return { tone: "bad", text: `${why}, next try in ${seconds} s`, spoken: `${why}, trying again` };
}

const REASONS: Readonly<Record<number, string>> = {
  1008: "not allowed",
  1012: "server restarting",
  1013: "server busy",
  4003: "not allowed",
  4008: "this page was too slow",
  4010: "session ended",
  4029: "too many pages open",
};

function describeDevice(device: DeviceSummary | null, nowMs: number, connected: boolean): DeviceTruth {
  if (device === null) return { tone: "idle", text: "unknown", note: "" };
  const text = device.online ? "online" : "offline";
  // Without a connection of its own the page knows nothing of the device's.
  if (!connected) return { tone: "idle", text, note: "when last heard of" };
  const sinceMs = Date.parse(device.since ?? "");
  const note = Number.isNaN(sinceMs) ? "" : `since ${moment(sinceMs, nowMs)}`;
  return { tone: device.online ? "good" : "bad", text, note: device.last_seen === null ? "never seen" : note };
}

interface DeviceTruth {
  tone: Tone;
  text: string;
  note: string;
}
