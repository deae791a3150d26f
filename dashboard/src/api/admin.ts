import { request } from "../api";
import type { Role } from "../roles";
import { isObject } from "../telemetry";
import { devicePath, listOf, one, text, texts, time, withQuery, type Json } from "./read";

export const ROLES: readonly Role[] = ["viewer", "operator", "admin"];

/** A device as the registry has it. */
export interface Registered {
  deviceId: string;
  name: string | null;
  enabled: boolean;
  online: boolean;
  lastSeenMs: number | null;
  notes: string | null;
  /** When two devices of one identity fought for it last; Unix ms. */
  conflictMs: number | null;
}

/** A device's token, in the only answer that ever has it, and what a technician does with it. */
export interface Secret {
  deviceId: string;
  token: string;
  /** Lines of `config.env`; the token is among them. */
  lines: string;
  /** To be run on the device; it asks for the token, which so is in no history of a shell. */
  command: string;
}

export interface Account {
  username: string;
  role: Role;
  /** `null`: all. */
  devices: string[] | null;
  createdMs: number | null;
}

export interface OpenSession {
  id: string;
  username: string;
  createdMs: number | null;
  expiresMs: number | null;
}

export interface AuditEntry {
  atMs: number;
  who: string;
  action: string;
  subject: string;
  details: Json;
}

export interface AuditFilter {
  who: string;
  action: string;
  subject: string;
  from: string;
  to: string;
}

export async function fetchRegistry(signal: AbortSignal): Promise<Registered[]> {
  return listOf(await request("GET", "/api/devices", { signal }), "devices", toRegistered);
}

export async function addDevice(deviceId: string, name: string | null): Promise<Secret> {
  return one(await request("POST", "/api/devices", { body: { device_id: deviceId, name } }), toSecret);
}

export async function replaceToken(deviceId: string): Promise<Secret> {
  return one(await request("POST", devicePath(deviceId, "/token")), toSecret);
}

export async function changeDevice(deviceId: string, change: { name?: string | null; notes?: string | null; enabled?: boolean }): Promise<void> {
  await request("PATCH", devicePath(deviceId), { body: change });
}

export async function removeDevice(deviceId: string): Promise<void> {
  await request("DELETE", devicePath(deviceId));
}

export async function fetchUsers(signal: AbortSignal): Promise<Account[]> {
  return listOf(await request("GET", "/api/users", { signal }), "users", toAccount);
}

export async function addUser(user: {
  username: string;
  password: string;
  role: Role;
  devices: string[] | null;
}): Promise<void> {
  await request("POST", "/api/users", { body: user });
}

export async function changeUser(
  username: string,
  change: { role?: Role; password?: string; devices?: string[] | null },
): Promise<void> {
  await request("PATCH", `/api/users/${encodeURIComponent(username)}`, { body: change });
}

export async function removeUser(username: string): Promise<void> {
  await request("DELETE", `/api/users/${encodeURIComponent(username)}`);
}

export async function fetchSessions(signal: AbortSignal): Promise<OpenSession[]> {
  return listOf(await request("GET", "/api/sessions", { signal }), "sessions", toSession);
}

export async function endSession(id: string): Promise<void> {
  await request("DELETE", `/api/sessions/${encodeURIComponent(id)}`);
}

/** What was done, newest first. `from` and `to` are local times as an input of type datetime-local gives them. */
export async function fetchAudit(filter: AuditFilter, limit: number, signal: AbortSignal): Promise<AuditEntry[]> {
  const { who, action, subject, from, to } = filter;
  const query = { who, action, subject, from: localToIso(from), to: localToIso(to), limit };
  return listOf(await request("GET", withQuery("/api/audit", query), { signal }), "audit", toAudit);
}

export function toAudit(json: Json): AuditEntry | null {
  const atMs = time(json["at"]);
  if (atMs === null) return null;
  return {
    atMs,
    who: text(json["who"]) ?? "",
    action: text(json["action"]) ?? "",
    subject: text(json["subject"]) ?? "",
    details: isObject(json["details"]) ? json["details"] : {},
  };
}

function localToIso(local: string): string {
  const ms = Date.parse(local);
  return Number.isNaN(ms) ? "" : new Date(ms).toISOString();
}

function toRegistered(json: Json): Registered | null {
  const deviceId = text(json["device_id"]);
  if (deviceId === null) return null;
  return {
    deviceId,
    name: text(json["name"]),
    enabled: json["enabled"] !== false,
    online: json["online"] === true,
    lastSeenMs: time(json["last_seen"]),
    notes: text(json["notes"]),
    conflictMs: time(json["conflict"]),
  };
}

function toSecret(json: Json): Secret | null {
  const deviceId = text(json["device_id"]);
  const token = text(json["token"]);
  const lines = text(json["config_env"]);
  const command = text(json["setup_command"]);
  if (deviceId === null || token === null || lines === null || command === null) return null;
  return { deviceId, token, lines, command };
}

function toAccount(json: Json): Account | null {
  const username = text(json["username"]);
  const role = ROLES.find((name) => name === json["role"]);
  if (username === null || role === undefined) return null;
  return {
    username,
    role,
    devices: Array.isArray(json["devices"]) ? texts(json["devices"]) : null,
    createdMs: time(json["created_at"]),
  };
}

function toSession(json: Json): OpenSession | null {
  const id = text(json["id"]);
  if (id === null) return null;
  return {
    id,
    username: text(json["username"]) ?? "",
    createdMs: time(json["created_at"]),
    expiresMs: time(json["expires_at"]),
  };
}
