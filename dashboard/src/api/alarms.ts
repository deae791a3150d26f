import { request } from "../api";
import { toAlarm, toAlarmKind, toSeverity, type Alarm, type AlarmKind, type AlarmRule, type Severity, type Unchecked } from "../telemetry";
import { listOf, number, one, text, withQuery } from "./read";

/** When an alarm is raised. */
export interface Rule {
  id: number;
  name: string;
  /** `null`: every device. */
  deviceId: string | null;
  /** `null`: one that this page does not know. */
  kind: AlarmKind | null;
  /** Of below and above: the path of a number, such as `battery.soc`. */
  field: string | null;
  threshold: number | null;
  hysteresis: number;
  /** How long it must be so, s. */
  forS: number;
  severity: Severity;
}

/** A rule as the server takes it. */
export type NewRule = Pick<AlarmRule, "name" | "kind" | "severity"> & Partial<Omit<AlarmRule, "id">>;

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

function toRule(rule: Unchecked<AlarmRule>): Rule | null {
  const id = number(rule.id);
  if (id === null) return null;
  return {
    id,
    name: text(rule.name) ?? "",
    deviceId: text(rule.device_id),
    kind: toAlarmKind(rule.kind),
    field: text(rule.field),
    threshold: number(rule.threshold),
    hysteresis: number(rule.hysteresis) ?? 0,
    forS: number(rule.for_s) ?? 0,
    severity: toSeverity(rule.severity),
  };
}
