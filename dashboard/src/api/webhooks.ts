import { request } from "../api";
import { listOf, number, one, text, texts, time, type Json } from "./read";

/** What a webhook can be told. */
export const WEBHOOK_EVENTS = ["alarm.raised", "alarm.cleared", "alarm.acknowledged", "device.event"] as const;

/** An address that gets a signed POST for each of its events. */
export interface Webhook {
  id: string;
  name: string;
  url: string;
  events: string[];
  enabled: boolean;
  /** Empty: of every device. */
  deviceIds: string[];
}

/** One attempt to tell it, or several. */
export interface Delivery {
  id: string;
  event: string;
  status: string;
  attempts: number | null;
  /** HTTP status of the last answer. */
  httpStatus: number | null;
  error: string | null;
  createdMs: number | null;
  nextMs: number | null;
}

export async function fetchWebhooks(signal: AbortSignal): Promise<Webhook[]> {
  return listOf(await request("GET", "/api/webhooks", { signal }), "webhooks", toWebhook);
}

/** Adds one; the secret that signs its messages is in this answer alone. */
export async function addWebhook(webhook: { name: string; url: string; events: string[] }): Promise<string> {
  return one(await request("POST", "/api/webhooks", { body: webhook }), ({ secret }) => text(secret));
}

export async function setWebhookEnabled(id: string, enabled: boolean): Promise<void> {
  await request("PATCH", path(id), { body: { enabled } });
}

export async function removeWebhook(id: string): Promise<void> {
  await request("DELETE", path(id));
}

export async function testWebhook(id: string): Promise<void> {
  await request("POST", path(id, "/test"));
}

export async function fetchDeliveries(id: string, signal: AbortSignal): Promise<Delivery[]> {
  return listOf(await request("GET", path(id, "/deliveries"), { signal }), "deliveries", toDelivery);
}

function path(id: string, rest = ""): string {
  return `/api/webhooks/${encodeURIComponent(id)}${rest}`;
}

/** An id as text, whether the server numbers or names. */
function idOf(json: Json): string | null {
  return text(json["id"]) ?? number(json["id"])?.toString() ?? null;
}

function toWebhook(json: Json): Webhook | null {
  const id = idOf(json);
  const url = text(json["url"]);
  if (id === null || url === null) return null;
  return {
    id,
    name: text(json["name"]) ?? "",
    url,
    events: texts(json["events"]),
    enabled: json["enabled"] !== false,
    deviceIds: texts(json["device_ids"]),
  };
}

function toDelivery(json: Json): Delivery | null {
  const id = idOf(json);
  if (id === null) return null;
  return {
    id,
    event: text(json["event"]) ?? text(json["type"]) ?? "",
    status: text(json["status"]) ?? "",
    attempts: number(json["attempts"]),
    httpStatus: number(json["http_status"]) ?? number(json["response_status"]),
    error: text(json["error"]),
    createdMs: time(json["created_at"]),
    nextMs: time(json["next_at"]) ?? time(json["next_attempt_at"]),
  };
}
