import type { ReactNode } from "react";
import { age, decimal, moment, power, signed } from "../format";
import { livePath, Link } from "../router";
import type { DeviceSummary } from "../telemetry";
import { Dot } from "./Dot";
import { faultsOf } from "./faults";
import { SocBar } from "./SocBar";

/** A device that has sent nothing for this long shows grey values. */
const STALE_MS = 10_000;

/** One device of the list: a link to its Live view. */
export function DeviceRow({ device, nowMs }: { device: DeviceSummary; nowMs: number }) {
  const { device_id: id, name, online, latest } = device;
  const battery = latest?.battery ?? {};
  const watts = power(battery.power);
  const seenMs = Date.parse(device.last_seen ?? "");
  const stale = !online || nowMs - seenMs > STALE_MS;
  const faults = faultsOf(latest);
  return (
    <li className="device" data-testid="device-row" data-device-id={id}>
      <Link href={livePath(id)} className={`device-link ${stale ? "is-stale" : ""}`}>
        <span className="device-name">
          <span className="device-title">{name ?? id}</span>
          {name !== null && <span className="device-id">{id}</span>}
          {faults[0] !== undefined && online && <span className="device-fault">{faults[0].text}</span>}
        </span>
        <Cell label="State">
          <span className="device-state">
            <Dot tone={online ? "good" : "bad"} />
            <span data-testid="device-online">{online ? "online" : "offline"}</span>
          </span>
          <Since device={device} nowMs={nowMs} />
        </Cell>
        <Cell label="State of charge" wide>
          <span className="device-soc">
            <SocBar soc={battery.soc} />
            <Value text={decimal(battery.soc, 0)} unit="%" />
          </span>
        </Cell>
        <Cell label="Voltage">
          <Value text={decimal(battery.voltage, 2)} unit="V" />
        </Cell>
        <Cell label="Current">
          <Value text={signed(battery.current, 1)} unit="A" />
        </Cell>
        <Cell label="Power">
          <Value text={watts.value} unit={watts.unit} />
        </Cell>
        <Cell label="Last data">{Number.isNaN(seenMs) ? "never" : `${age(Math.max(0, nowMs - seenMs))} ago`}</Cell>
      </Link>
    </li>
  );
}

function Cell({ label, wide = false, children }: { label: string; wide?: boolean; children: ReactNode }) {
  return (
    <span className={`cell ${wide ? "cell-wide" : ""}`}>
      <span className="cell-label">{label}</span>
      <span className="cell-value">{children}</span>
    </span>
  );
}

function Value({ text, unit }: { text: string; unit: string }) {
  return (
    <span className="measure">
      <span className="number">{text}</span>
      <span className="unit">{unit}</span>
    </span>
  );
}

function Since({ device, nowMs }: { device: DeviceSummary; nowMs: number }) {
  const sinceMs = Date.parse(device.since ?? "");
  if (Number.isNaN(sinceMs)) return <span className="device-since">{device.last_seen === null ? "never seen" : ""}</span>;
  return <span className="device-since">since {moment(sinceMs, nowMs)}</span>;
}
