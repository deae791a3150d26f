import { useConnection, useDoor, type ConnectionState } from "../telemetry";
import { useTick } from "../useTick";
import { Dot, type Tone } from "./Dot";

/** The page's own connection, on every page: the first of the three truths. */
export function ConnectionPill() {
  const door = useDoor();
  const connection = useConnection();
  useTick(connection.retryAt === null ? 0 : 1_000);
  const { tone, text, spoken } = describeConnection(connection);
  return (
    <div className={`pill pill-${tone}`}>
      <Dot tone={tone} />
      <span data-testid="page-connection" data-status={connection.status}>
        {text}
      </span>
      {connection.retryAt !== null && (
        <button type="button" className="button button-small" onClick={door.retryNow}>
          Try now
        </button>
      )}
      <span className="visually-hidden" role="status">
        {spoken}
      </span>
    </div>
  );
}

/** `spoken` leaves out the countdown, which would interrupt a screen reader each second. */
export function describeConnection(state: ConnectionState): { tone: Tone; text: string; spoken: string } {
  const { status, retryAt, closeCode } = state;
  if (status === "OPEN") return { tone: "good", text: "connected", spoken: "" };
  if (status === "CONNECTING") return { tone: "idle", text: "connecting…", spoken: "" };
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
