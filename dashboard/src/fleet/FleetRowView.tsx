import { memo, type KeyboardEvent, type ReactNode } from "react";
import { SocBar } from "../components/SocBar";
import { Dot, type Tone } from "../components/Dot";
import { flagWords } from "../components/faults";
import { age, constant, decimal, moment, power, UNKNOWN } from "../format";
import { Link } from "../router";
import { paths } from "../routes";
import type { FleetRow, Presence } from "../telemetry";
import { Sparkline } from "./Sparkline";
import { isFaulty, powerOf, titleOf } from "./view";

export interface FleetRowProps {
  row: FleetRow;
  /** Its place in the whole list, from 0. */
  index: number;
  top: number;
  /** The one row that the Tab key reaches. */
  reachable: boolean;
  /** Server time in whole seconds, Unix ms: the row is rendered again when an age changes. */
  nowMs: number;
  /** The page is connected; otherwise this is what was heard last. */
  live: boolean;
  onKeyDown: (event: KeyboardEvent, index: number) => void;
  onFocus: (index: number) => void;
}

/** One device of the fleet: its name is a link, and the whole row with it. */
export const FleetRowView = memo(function FleetRowView(props: FleetRowProps) {
  const { row, index, top, reachable, nowMs, live, onKeyDown, onFocus } = props;
  const { device_id: id, status, soc } = row;
  const watts = power(powerOf(row));
  const old = !live || status !== "online";
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={`fleet-row ${old ? "is-stale" : ""} ${row.unacknowledged > 0 ? "is-alarm" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      data-testid="device-row"
      data-device-id={id}
    >
      <div role="cell" className="fleet-device">
        <Link
          href={paths.live(id)}
          className="fleet-link"
          tabIndex={reachable ? 0 : -1}
          data-row={index}
          onKeyDown={(event) => onKeyDown(event, index)}
          onFocus={() => onFocus(index)}
        >
          <bdi>{titleOf(row)}</bdi>
        </Link>
        <span className="fleet-sub">
          <Trouble row={row} />
        </span>
      </div>
      <div role="cell" className="fleet-link-state">
        <span className="fleet-status">
          <Dot tone={live ? TONES[status] : "idle"} />
          <span data-testid="device-online">{live || status === "never" ? status : `last ${status}`}</span>
        </span>
        <span className="fleet-sub">{sinceWords(row, nowMs)}</span>
      </div>
      <div role="cell" className="fleet-soc">
        <SocBar soc={soc} low={row.soc_low} high={row.soc_high} />
        <Value text={decimal(soc, 0)} unit="%" />
        <Interval row={row} />
      </div>
      <div role="cell" className="fleet-power">
        <Value text={watts.value} unit={watts.unit} />
        <span className="fleet-sub">{row.state === undefined ? "" : constant(row.state)}</span>
      </div>
      <div role="cell" className="fleet-spark">
        <Sparkline spark={row.spark} />
      </div>
      <div role="cell" className="fleet-voltage">
        <Value text={decimal(row.voltage, 2)} unit="V" />
        <span className="fleet-sub">{row.temperature === undefined ? "" : `${decimal(row.temperature, 0)} °C`}</span>
      </div>
      <div role="cell" className="fleet-seen">
        {row.last_seen === undefined ? UNKNOWN : `${age(Math.max(0, nowMs - Date.parse(row.last_seen)))} ago`}
      </div>
    </div>
  );
});

const TONES: Record<Presence, Tone> = { online: "good", stale: "warn", offline: "bad", never: "idle" };

function Value({ text, unit }: { text: string; unit: string }): ReactNode {
  return (
    <span className="measure">
      <span className="number">{text}</span>
      <span className="unit">{unit}</span>
    </span>
  );
}

/** The worst of what is wrong, or the id below a name. */
function Trouble({ row }: { row: FleetRow }): ReactNode {
  if (row.alarms > 0) {
    const words = `${row.alarms} alarm${row.alarms === 1 ? "" : "s"}`;
    const seen = row.unacknowledged === 0 ? " acknowledged" : "";
    return <span className="fleet-trouble">{`${words}${seen}`}</span>;
  }
  if (row.enabled === false) return <span className="fleet-trouble">disabled by an admin</span>;
  if (row.conflict) return <span className="fleet-trouble">two devices use this identity</span>;
  const [flag] = row.error_flags;
  if (flag !== undefined && isFaulty(row)) return <span className="fleet-trouble">{flagWords(flag)}</span>;
  if ((row.backlog ?? 0) > 0) return <>catching up: {row.backlog} samples left</>;
  return titleOf(row) === row.device_id ? row.groups.join(", ") : row.device_id;
}

function sinceWords({ status, since }: FleetRow, nowMs: number): string {
  const sinceMs = Date.parse(since);
  if (status === "never") return "never seen";
  return Number.isNaN(sinceMs) ? "" : `since ${moment(sinceMs, nowMs)}`;
}

/** What the state of charge is worth. */
function Interval({ row: { soc_low: low, soc_high: high, synced } }: { row: FleetRow }): ReactNode {
  if (low === undefined || high === undefined) return null;
  return (
    <span className={`fleet-sub fleet-interval ${synced === false ? "is-unsynced" : ""}`}>
      {decimal(low, 0)} to {decimal(high, 0)} %{synced === false && <span className="fleet-unsynced">, not synchronised</span>}
    </span>
  );
}
