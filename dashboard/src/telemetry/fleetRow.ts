import { clean, each, type Checks, isBoolean, isObject, number, percent, string, strings, toPresence } from "./parse";
import type { FleetRow, Spark } from "./messages";

/** What a row never lacks: without a use it has a value all the same. */
type Settled = "device_id" | "connected" | "status" | "conflict" | "spark";

/** Checks a row of the fleet; `null` if it cannot be used. Optional fields of a wrong type are left out. */
export function toFleetRow(value: unknown): FleetRow | null {
  if (!isObject(value) || typeof value["device_id"] !== "string") return null;
  const row = clean({ ...value }, FIELDS);
  const spark = toSpark(value["spark"]);
  delete row["spark"];
  return {
    ...row,
    device_id: value["device_id"],
    connected: value["connected"] === true,
    status: toPresence(value),
    since: typeof row["since"] === "string" ? row["since"] : "",
    alarms: typeof row["alarms"] === "number" ? row["alarms"] : 0,
    unacknowledged: typeof row["unacknowledged"] === "number" ? row["unacknowledged"] : 0,
    error_flags: (row["error_flags"] as string[] | undefined) ?? [],
    groups: (row["groups"] as string[] | undefined) ?? [],
    conflict: value["conflict"] === true,
    ...(spark !== undefined && { spark }),
  };
}

const FIELDS = {
  ...each(number, "voltage current power temperature alarms unacknowledged backlog"),
  ...each(percent, "soc soc_low soc_high"),
  ...each(string, "name since last_seen at state mode"),
  ...each(isBoolean, "synced enabled"),
  ...each(strings, "error_flags groups"),
} satisfies Checks<FleetRow, Settled>;

function toSpark(value: unknown): Spark | null | undefined {
  if (value === null) return null;
  if (!isObject(value)) return undefined;
  return { step_s: Number(value["step_s"]) || 60, soc: numbersOf(value["soc"]), power: numbersOf(value["power"]) };
}

function numbersOf(value: unknown): (number | null)[] {
  return Array.isArray(value) ? value.slice(-120).map((item) => (number(item) ? (item as number) : null)) : [];
}
