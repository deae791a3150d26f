import { type ReactNode } from "react";
import { duration, power, signed, decimal } from "../format";
import type { TelemetryPayload } from "../telemetry";
import { SocGauge } from "./SocGauge";

/** The values one looks at first. `stale` greys them out: they were true once. */
export function Tiles({ sample, stale }: { sample: TelemetryPayload | null; stale: boolean }) {
  const battery = sample?.battery ?? {};
  const { voltage, current } = battery;
  const watts = battery.power ?? (voltage !== undefined && current !== undefined ? voltage * current : undefined);
  const shown = power(watts);
  return (
    <section className={`tiles ${stale ? "is-stale" : ""}`} aria-label="Battery now">
      <div className="tile tile-soc">
        <h2 className="tile-title">State of charge</h2>
        <SocGauge battery={battery} />
        <SocNotes sample={sample} />
      </div>
      <Tile title="Voltage" unit="V" testId="live-voltage" value={voltage} text={decimal(voltage, 3)} />
      <Tile title="Current" unit="A" testId="live-current" value={current} text={signed(current, 2)}>
        {direction(current)}
      </Tile>
      <Tile title="Power" unit={shown.unit} testId="live-power" value={watts} text={shown.value}>
        {direction(watts)}
      </Tile>
    </section>
  );
}

interface TileProps {
  title: string;
  unit: string;
  testId: string;
  /** Exact, for scripts. */
  value: number | undefined;
  /** Rounded, for people. */
  text: string;
  children?: ReactNode;
}

function Tile({ title, unit, testId, value, text, children }: TileProps) {
  return (
    <div className="tile">
      <h2 className="tile-title">{title}</h2>
      <p className="tile-value">
        <span className="number" data-testid={testId} data-value={value ?? ""}>
          {text}
        </span>
        <span className="unit">{unit}</span>
      </p>
      <p className="tile-note">{children}</p>
    </div>
  );
}

function SocNotes({ sample }: { sample: TelemetryPayload | null }) {
  const battery = sample?.battery;
  const { soc_low: low, soc_high: high, time_to_empty_s: empty, time_to_full_s: full } = battery ?? {};
  return (
    <ul className="tile-notes">
      {low !== undefined && high !== undefined && (
        <li title="The interval that holds the true state of charge in 95 % of cases">
          {decimal(low, 0)} to {decimal(high, 0)} % likely
        </li>
      )}
      {battery?.synced === false && <li>not synchronised yet</li>}
      {empty !== undefined && <li>{duration(empty)} to empty</li>}
      {full !== undefined && <li>{duration(full)} to full</li>}
    </ul>
  );
}

function direction(value: number | undefined): string {
  if (value === undefined) return "";
  if (Math.abs(value) < 0.005) return "at rest";
  return value > 0 ? "charging" : "discharging";
}
