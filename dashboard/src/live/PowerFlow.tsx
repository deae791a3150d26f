import { Icon, type IconName } from "../components/Icon";
import { power } from "../format";
import { powerOf } from "../charts/curves";
import type { TelemetryPayload } from "../telemetry";

/** Below this, nothing flows, W. */
const STILL = 5;

interface Place {
  key: "solar" | "grid" | "load" | "battery";
  title: string;
  icon: IconName;
  watts: number | undefined;
  /** The power that comes from there, W; negative where it goes to. */
  gives: number;
  words: string;
}

/** Where the power comes from and goes to now. Only for systems that tell more than their battery's. */
export function PowerFlow({ sample, stale }: { sample: TelemetryPayload | null; stale: boolean }) {
  const places = sample === null ? [] : placesOf(sample);
  if (places.length < 2) return null;
  return (
    <section className={`card flow ${stale ? "is-stale" : ""}`} aria-label="Power flow" data-testid="power-flow">
      <h2 className="card-title">Power flow</h2>
      <div className="flow-picture">
        <span className="flow-hub" aria-hidden="true" />
        {places.map((place) => (
          <FlowPlace key={place.key} place={place} moving={!stale} />
        ))}
      </div>
    </section>
  );
}

function FlowPlace({ place: { key, title, icon, watts, gives, words }, moving }: { place: Place; moving: boolean }) {
  const shown = power(watts === undefined ? undefined : Math.abs(watts));
  const still = watts === undefined || Math.abs(gives) < STILL;
  const way = still ? "" : gives > 0 ? "flow-in" : "flow-out";
  return (
    <>
      <span className={`flow-line flow-line-${key} ${moving ? way : ""}`} aria-hidden="true">
        {!still && <i />}
      </span>
      <div className={`flow-place flow-place-${key}`}>
        <span className="flow-icon">
          <Icon name={icon} size={24} />
        </span>
        <span className="flow-title">{title}</span>
        <span className="measure" data-testid={`flow-${key}`} data-value={watts ?? ""}>
          <span className="number">{shown.value.replace("+", "")}</span>
          <span className="unit">{shown.unit}</span>
        </span>
        <span className="flow-words">{still ? "" : words}</span>
      </div>
    </>
  );
}

function placesOf(sample: TelemetryPayload): Place[] {
  const battery = powerOf(sample);
  const places: (Place | null)[] = [
    placeOf("solar", "Solar", "solar", sample.solar?.power, 1, ["producing", "drawing"]),
    placeOf("grid", "Grid", "grid", sample.grid?.power, 1, ["importing", "exporting"]),
    placeOf("load", "Load", "load", sample.load?.power, -1, ["consuming", "feeding in"]),
    placeOf("battery", "Battery", "battery", battery, -1, ["charging", "discharging"]),
  ];
  const known = places.filter((place) => place !== null);
  return known.some(({ key }) => key !== "battery") ? known : [];
}

function placeOf(
  key: Place["key"],
  title: string,
  icon: IconName,
  watts: number | undefined,
  sign: 1 | -1,
  [positive, negative]: [string, string],
): Place | null {
  if (watts === undefined) return null;
  return { key, title, icon, watts, gives: sign * watts, words: watts > 0 ? positive : negative };
}
