import type { Battery, Grid, PowerMeter, Presence, SystemStatus, Telemetry } from "./protocol";
import type { DeviceSummary, TelemetryPayload } from "./types";

/** A frame that could not be used, and why, in one sentence. */
export class MalformedFrame extends Error {
  override name = "MalformedFrame";
}

type Json = Record<string, unknown>;

/** A message of the type `T` as it came, which nobody has looked at yet. */
export type Unchecked<T> = { readonly [Name in keyof T]?: unknown };

/** Parses the text of a frame as JSON object. Throws {@link MalformedFrame}. */
export function parseObject(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedFrame("the frame is not JSON");
  }
  if (!isObject(value)) throw new MalformedFrame("the frame is not a JSON object");
  return value;
}

/**
 * Checks that `value` is a sample of `deviceId` and returns it.
 *
 * A missing or wrong required field refuses the sample. An optional field of the wrong type is left out, so
 * that what reads the sample can rely on its types; fields this version does not know are kept.
 */
export function toTelemetry(value: unknown, deviceId?: string): TelemetryPayload {
  if (!isObject(value)) throw new MalformedFrame("the sample is not a JSON object");
  if (typeof value["device_id"] !== "string") throw new MalformedFrame("device_id is missing or not a string");
  if (deviceId !== undefined && value["device_id"] !== deviceId) {
    throw new MalformedFrame(`the sample belongs to another device than ${deviceId}`);
  }
  const timestamp = value["timestamp"];
  if (typeof timestamp !== "string" || Number.isNaN(Date.parse(timestamp))) {
    throw new MalformedFrame("timestamp is missing or not an RFC 3339 time");
  }
  const sample = { ...value };
  for (const [group, fields] of Object.entries(FIELDS)) {
    if (group === "") clean(sample, fields);
    else if (isObject(sample[group])) sample[group] = clean({ ...sample[group] }, fields);
    else delete sample[group];
  }
  const battery: Json = isObject(sample["battery"]) ? sample["battery"] : {};
  sample["battery"] = battery;
  const complete = battery["voltage"] !== undefined && battery["soc"] !== undefined;
  if (!complete && !hasErrorFlag(sample)) {
    throw new MalformedFrame("battery.voltage (V) or battery.soc (0 to 100 %) is missing, and no error flag says why");
  }
  return sample as unknown as TelemetryPayload;
}

/** Checks a device as the HTTP interface describes it. Throws {@link MalformedFrame}. */
export function toDeviceSummary(value: unknown): DeviceSummary {
  if (!isObject(value) || typeof value["device_id"] !== "string") {
    throw new MalformedFrame("the device has no device_id");
  }
  return {
    device_id: value["device_id"],
    name: toText(value["name"]),
    online: value["online"] === true,
    status: toPresence(value),
    ...(number(value["backlog"]) && { backlog: value["backlog"] as number }),
    since: toText(value["since"]),
    last_seen: toText(value["last_seen"]),
    latest: latestOf(value["latest"]),
  };
}

const PRESENCE: readonly Presence[] = ["online", "stale", "offline", "never"];

/** The presence that a device or a row of the fleet tells; of an older server, what follows from the connection. */
export function toPresence(value: Json): Presence {
  const connected = value["connected"] === true || value["online"] === true;
  return PRESENCE.find((status) => status === value["status"]) ?? (connected ? "online" : "offline");
}

/** True for what JSON calls an object: neither `null` nor an array. */
export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export type Check = (value: unknown) => boolean;
/** A check for each field of `T` but those of `Others`: the compiler finds the one that the server has added or renamed. */
export type Checks<T, Others extends keyof T = never> = { readonly [Name in Exclude<keyof T, Others>]-?: Check };
type Words<Text extends string> = Text extends `${infer First} ${infer Rest}` ? First | Words<Rest> : Text;

export const number: Check = (value) => typeof value === "number" && Number.isFinite(value);
export const percent: Check = (value) => number(value) && (value as number) >= 0 && (value as number) <= 100;
export const string: Check = (value) => typeof value === "string";
export const isBoolean: Check = (value) => typeof value === "boolean";
export const strings: Check = (value) => Array.isArray(value) && value.every(string);

/** The same check for several names, parted by spaces. */
export function each<Names extends string>(check: Check, names: Names): Record<Words<Names>, Check> {
  return Object.fromEntries(names.split(" ").map((name) => [name, check])) as Record<Words<Names>, Check>;
}

type Groups = "system_status" | "battery" | "grid" | "solar" | "load";

/** The known optional fields by group; the group "" is the sample itself. */
const FIELDS = {
  "": { ...each(number, "v seq"), ...each(string, "boot_id clock") } satisfies Checks<Telemetry, Groups | "device_id" | "timestamp">,
  system_status: {
    ...each(number, "wifi_strength uptime_seconds cpu_temperature"),
    ...each(string, "state mode firmware_version"),
    ...each(isBoolean, "undervoltage"),
    ...each(strings, "error_flags"),
  } satisfies Checks<SystemStatus>,
  battery: {
    ...each(number, "voltage current power soc_uncertainty temperature soh capacity energy_in energy_out cycle_count"),
    ...each(number, "time_to_empty_s time_to_full_s hours_since_sync ah_since_sync"),
    ...each(percent, "soc soc_low soc_high"),
    ...each(isBoolean, "synced charge_allowed load_allowed"),
    ...each(strings, "faults warnings"),
  } satisfies Checks<Battery>,
  grid: {
    ...each(number, "voltage current power frequency power_factor energy_import energy_export"),
    ...each(string, "status"),
  } satisfies Checks<Grid>,
  solar: each(number, "power") satisfies Checks<PowerMeter>,
  load: each(number, "power") satisfies Checks<PowerMeter>,
} satisfies Record<"" | Groups, object>;

/** Takes out of `group` what does not pass its check. */
export function clean(group: Json, fields: Readonly<Record<string, Check>>): Json {
  for (const [name, check] of Object.entries(fields)) {
    if (!check(group[name])) delete group[name];
  }
  return group;
}

/** A latest sample that cannot be read must not hide the device. */
function latestOf(value: unknown): TelemetryPayload | null {
  try {
    return toTelemetry(value);
  } catch {
    return null;
  }
}

function hasErrorFlag(sample: Json): boolean {
  const status = sample["system_status"];
  const flags = isObject(status) ? status["error_flags"] : undefined;
  return Array.isArray(flags) && flags.length > 0;
}

/** The text; `null` if it is none. */
export function toText(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** The number; `null` if it is none. */
export function toNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
