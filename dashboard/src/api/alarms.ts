import { request } from "../api";
import { toAlarm, toSeverity, type Alarm, type Severity } from "../telemetry";
import { listOf, number, one, text, withQuery, type Json } from "./read";

export const RULE_KINDS = ["below", "above", "offline", "no_data", "fault"] as const;
export type RuleKind = (typeof RULE_KINDS)[number];

/** When an alarm is raised. */
export interface Rule {
  id: number;
  name: string;
  /** `null`: every device. */
  deviceId: string | null;
  kind: RuleKind | null;
  /** Of below and above: the path of a number, such as `battery.soc`. */
  field: string | null;
  threshold: number | null;
  hysteresis: number;
  /** How long it must be so, s. */
  forS: number;
  severity: Severity;
}

export interface NewRule {
  name: string;
  kind: RuleKind;
  severity: Severity;
  device_id?: string;
  field?: string;
  threshold?: number;
  hysteresis?: number;
  for_s?: number;
}

const LISTED = 300;

/** Alarms, newest first, with those that are over. */
export async function fetchAlarms(signal: AbortSignal): Promise<Alarm[]> {
  return listOf(await request("GET", withQuery("/api/alarms", { state: "all", limit: LISTED }), { signal }), "alarms", toAlarm);
}

export async function acknowledge(id: number): Promise<Alarm> {
  return one(await request("POST", `/api/alarms/${id}/acknowledge`), toAlarm);
}

export async function fetchRules(signal: AbortSignal): Promise<Rule[]> {
  return listOf(await request("GET", "/api/alarms/rules", { signal }), "rules", toRule);
}

export async function addRule(rule: NewRule): Promise<void> {
  await request("POST", "/api/alarms/rules", { body: rule });
}

export async function removeRule(id: number): Promise<void> {
  await request("DELETE", `/api/alarms/rules/${id}`);
}

function toRule(json: Json): Rule | null {
  const id = number(json["id"]);
  if (id === null) return null;
  return {
    id,
    name: text(json["name"]) ?? "",
    deviceId: text(json["device_id"]),
    kind: RULE_KINDS.find((kind) => kind === json["kind"]) ?? null,
    field: text(json["field"]),
    threshold: number(json["threshold"]),
    hysteresis: number(json["hysteresis"]) ?? 0,
    forS: number(json["for_s"]) ?? 0,
    severity: toSeverity(json["severity"]),
  };
}
