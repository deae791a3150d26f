import { type ReactNode } from "react";
import { powerOf } from "../charts/curves";
import { age, constant, decimal, duration, fitting, power, signed, UNKNOWN } from "../format";
import type { BatteryTelemetry, TelemetryPayload } from "../telemetry";
import { SocGauge } from "./SocGauge";

interface TilesProps {
  sample: TelemetryPayload | null;
  /** The values were true once: they are grey, with their age. */
  stale: boolean;
  /** ms; `null` without a sample. */
  ageMs: number | null;
}

/** The values one looks at first. */
export function Tiles({ sample, stale, ageMs }: TilesProps) {
  const old = stale && ageMs !== null ? `${age(ageMs)} old` : null;
  const battery = sample?.battery ?? {};
  const { voltage, current } = battery;
  const watts = sample === null ? undefined : powerOf(sample);
  const shown = power(watts);
  return (
    <section className={`tiles ${stale ? "is-stale" : ""}`} aria-label="Battery now">
      <div className="tile tile-soc">
        <h2 className="tile-title">State of charge</h2>
        <SocGauge battery={battery} />
        <SocNotes battery={battery} />
      </div>
      <Tile title="Voltage" unit="V" testId="live-voltage" value={voltage} text={decimal(voltage, fitting(voltage, 3, 5))}>
        {old ?? (battery.temperature === undefined ? "" : `battery ${decimal(battery.temperature, 1)} °C`)}
      </Tile>
      <Tile title="Current" unit="A" testId="live-current" value={current} text={signed(current, fitting(current, 2, 4))}>
        {old ?? direction(current)}
      </Tile>
      <Tile title="Power" unit={shown.unit} testId="live-power" value={watts} text={shown.value}>
        {old ?? direction(watts)}
      </Tile>
      <StateTile sample={sample} />
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

function StateTile({ sample }: { sample: TelemetryPayload | null }) {
  const { state, mode } = sample?.system_status ?? {};
  const { charge_allowed: charge, load_allowed: load } = sample?.battery ?? {};
  return (
    <div className="tile">
      <h2 className="tile-title">State</h2>
      <p className="tile-value tile-state">
        <span className="number" data-testid="live-state">
          {state === undefined ? UNKNOWN : constant(state)}
        </span>
      </p>
      <ul className="tile-note">
        {mode !== undefined && <li>{mode === "MANUAL" ? "driven by hand" : "automatic"}</li>}
        {charge === false && <li className="not-allowed">charging not allowed</li>}
        {load === false && <li className="not-allowed">load not allowed</li>}
      </ul>
    </div>
  );
}

function SocNotes({ battery }: { battery: BatteryTelemetry }) {
  const { soc_low: low, soc_high: high, time_to_empty_s: empty, time_to_full_s: full, synced } = battery;
  return (
    <ul className="tile-notes">
      {low !== undefined && high !== undefined && (
        <li title="The interval that holds the true state of charge in 95 % of cases" data-testid="live-interval">
          {decimal(low, 0)} to {decimal(high, 0)} % likely
        </li>
      )}
      {synced !== undefined && (
        <li className={synced ? "" : "not-synced"} data-testid="live-synced">
          {synced ? syncedWords(battery) : "not synchronised yet"}
        </li>
      )}
      {empty !== undefined && <li>{duration(empty)} to empty</li>}
      {full !== undefined && <li>{duration(full)} to full</li>}
    </ul>
  );
}

/** How long ago the estimate was tied to a full or empty battery: the longer, the wider the interval. */
function syncedWords({ hours_since_sync: hours }: BatteryTelemetry): string {
  return hours === undefined ? "synchronised" : `synchronised ${age(hours * 3_600_000)} ago`;
}

function direction(value: number | undefined): string {
  if (value === undefined) return "";
  if (Math.abs(value) < 0.005) return "at rest";
  return value > 0 ? "charging" : "discharging";
}
