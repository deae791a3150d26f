import { request } from "../api";
import { isObject } from "../telemetry";
import { devicePath, listOf, one, text, time, withQuery, type Json } from "./read";

export type CommandStatus =
  | "CREATED"
  | "SENT"
  | "ACCEPTED"
  | "IN_PROGRESS"
  | "SUCCEEDED"
  | "FAILED"
  | "REJECTED"
  | "TIMED_OUT";

/** A command and what became of it. Times are Unix ms by the server's clock, `null` for what did not happen yet. */
export interface Command {
  deviceId: string;
  commandId: string;
  action: string;
  payload: Json;
  askedBy: string;
  status: CommandStatus;
  issuedMs: number;
  expiresMs: number | null;
  sentMs: number | null;
  acceptedMs: number | null;
  startedMs: number | null;
  finishedMs: number | null;
  reasonCode: string | null;
  reason: string | null;
  /** Any JSON. */
  result: unknown;
  /** An answer that came after the cloud had given up. */
  lateResult: unknown;
}

const STATUSES: readonly string[] = [
  "CREATED",
  "SENT",
  "ACCEPTED",
  "IN_PROGRESS",
  "SUCCEEDED",
  "FAILED",
  "REJECTED",
  "TIMED_OUT",
];

export function isFinal(status: CommandStatus): boolean {
  return STATUSES.indexOf(status) >= STATUSES.indexOf("SUCCEEDED");
}

/** The commands of a device, newest first. */
export async function fetchCommands(deviceId: string, limit: number, signal: AbortSignal): Promise<Command[]> {
  const path = withQuery(devicePath(deviceId, "/commands"), { limit });
  return listOf(await request("GET", path, { signal }), "commands", toCommand);
}

/** Asks for a command. `commandId` makes asking twice harmless. */
export async function sendCommand(
  deviceId: string,
  { action, payload, ttlS, commandId }: { action: string; payload: Json; ttlS: number; commandId: string },
): Promise<Command> {
  const body = { action, payload, ttl_s: ttlS, command_id: commandId };
  return one(await request("POST", devicePath(deviceId, "/commands"), { body }), toCommand);
}

export function toCommand(json: Json): Command | null {
  const deviceId = text(json["device_id"]);
  const commandId = text(json["command_id"]);
  const issuedMs = time(json["issued_at"]);
  const status = text(json["status"]);
  if (deviceId === null || commandId === null || issuedMs === null || status === null) return null;
  if (!STATUSES.includes(status)) return null;
  return {
    deviceId,
    commandId,
    action: text(json["action"]) ?? "",
    payload: isObject(json["payload"]) ? json["payload"] : {},
    askedBy: text(json["asked_by"]) ?? "",
    status: status as CommandStatus,
    issuedMs,
    expiresMs: time(json["expires_at"]),
    sentMs: time(json["sent_at"]),
    acceptedMs: time(json["accepted_at"]),
    startedMs: time(json["started_at"]),
    finishedMs: time(json["finished_at"]),
    reasonCode: text(json["reason_code"]),
    reason: text(json["reason"]),
    result: json["result"],
    lateResult: json["late_result"],
  };
}

/** The later of two states of one command: what a room told may be newer than what a request brought. */
export function later(a: Command, b: Command): Command {
  const rank = ({ status, lateResult }: Command) => STATUSES.indexOf(status) + (lateResult === undefined ? 0 : 10);
  const final = (command: Command) => (isFinal(command.status) ? 1 : 0);
  if (final(a) !== final(b)) return final(a) > final(b) ? a : b;
  return rank(b) >= rank(a) ? b : a;
}

