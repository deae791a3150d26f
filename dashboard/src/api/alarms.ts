import { call } from "../api";
import { listOf, number, one, text, time, withQuery, type Json } from "./read";

export type Severity = "info" | "warning" | "error";
export type RuleKind = "below" | "above" | "offline" | "no_data" | "fault";

/** Something that is, or was, wrong with a device. Times are Unix ms by the server's clock. */
export interface Alarm {
  id: number;
  deviceId: string;
  /** The rule's name. */
  name: string;
  kind: RuleKind | null;
  severity: Severity;
  message: string;
  value: number | null;
  threshold: number | null;
  raisedMs: number;
  /** When its cause was gone; `null` while it is there. */
  clearedMs: number | null;
  acknowledgedMs: number | null;
  acknowledgedBy: string | null;
}

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

const SEVERITIES: readonly string[] = ["info", "warning", "error"];
const KINDS: readonly string[] = ["below", "above", "offline", "no_data", "fault"];

/** Alarms, newest first: those whose cause is there or that nobody has seen, or all. */
export async function fetchAlarms(state: "open" | "all", signal: AbortSignal): Promise<Alarm[]> {
  const path = withQuery("/api/alarms", { state, limit: state === "open" ? 1_000 : 300 });
  return listOf(await call("GET", path, { signal }), "alarms", toAlarm);
}

export async function acknowledge(id: number): Promise<Alarm> {
  return one(await call("POST", `/api/alarms/${id}/acknowledge`), toAlarm);
}

export async function fetchRules(signal: AbortSignal): Promise<Rule[]> {
  return listOf(await call("GET", "/api/alarms/rules", { signal }), "rules", toRule);
}

export async function addRule(rule: NewRule): Promise<void> {
  await call("POST", "/api/alarms/rules", { body: rule });
}

export async function removeRule(id: number): Promise<void> {
  await call("DELETE", `/api/alarms/rules/${id}`);
}

export function toAlarm(json: Json): Alarm | null {
  const id = number(json["id"]);
  const deviceId = text(json["device_id"]);
  const raisedMs = time(json["raised_at"]);
  if (id === null || deviceId === null || raisedMs === null) return null;
  return {
    id,
    deviceId,
    name: text(json["name"]) ?? "",
    kind: toKind(json["kind"]),
    severity: toSeverity(json["severity"]),
    message: text(json["message"]) ?? "",
    value: number(json["value"]),
    threshold: number(json["threshold"]),
    raisedMs,
    clearedMs: time(json["cleared_at"]),
    acknowledgedMs: time(json["acknowledged_at"]),
    acknowledgedBy: text(json["acknowledged_by"]),
  };
}

/** A severity this page does not know is treated as a warning rather than hidden. */
export function toSeverity(value: unknown): Severity {
  return typeof value === "string" && SEVERITIES.includes(value) ? (value as Severity) : "warning";
}

function toKind(value: unknown): RuleKind | null {
  return typeof value === "string" && KINDS.includes(value) ? (value as RuleKind) : null;
}

function toRule(json: Json): Rule | null {
  const id = number(json["id"]);
  if (id === null) return null;
  return {
    id,
    name: text(json["name"]) ?? "",
    deviceId: text(json["device_id"]),
    kind: toKind(json["kind"]),
    field: text(json["field"]),
    threshold: number(json["threshold"]),
    hysteresis: number(json["hysteresis"]) ?? 0,
    forS: number(json["for_s"]) ?? 0,
    severity: toSeverity(json["severity"]),
  };
}
