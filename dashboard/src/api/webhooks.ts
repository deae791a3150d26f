import { request } from "../api";
import { listOf, number, one, text, texts, time, type Json } from "./read";

/** What a webhook can be told. */
export const WEBHOOK_EVENTS = ["alarm.raised", "alarm.cleared", "alarm.acknowledged", "device.event"] as const;

/** An address that gets a signed POST for each of its events. */
export interface Webhook {
  id: number;
  name: string;
  url: string;
  events: string[];
  enabled: boolean;
  /** Only of these; empty: of every device. */
  deviceIds: string[];
  /** Only of devices in these. */
  groups: string[];
  /** Deliveries that wait. */
  pending: number;
}

/** A message for a webhook, and what became of it. */
export interface Delivery {
  id: number;
  event: string;
  /** pending, delivered or failed. */
  state: string;
  attempts: number;
  /** HTTP status of the last answer. */
  httpStatus: number | null;
  error: string | null;
  createdMs: number | null;
  nextMs: number | null;
}

interface NewWebhook {
  name: string;
  url: string;
  events: string[];
  device_ids?: string[];
}

export async function fetchWebhooks(signal: AbortSignal): Promise<Webhook[]> {
  return listOf(await request("GET", "/api/webhooks", { signal }), "webhooks", toWebhook);
}

/** Adds one; the secret that signs its messages is in this answer alone. */
export async function addWebhook(webhook: NewWebhook): Promise<string> {
  return one(await request("POST", "/api/webhooks", { body: webhook }), ({ secret }) => text(secret));
}

export async function setWebhookEnabled(id: number, enabled: boolean): Promise<void> {
  await request("PATCH", path(id), { body: { enabled } });
}

export async function removeWebhook(id: number): Promise<void> {
  await request("DELETE", path(id));
}

export async function testWebhook(id: number): Promise<void> {
  await request("POST", path(id, "/test"));
}

export async function fetchDeliveries(id: number, signal: AbortSignal): Promise<Delivery[]> {
  return listOf(await request("GET", path(id, "/deliveries"), { signal }), "deliveries", toDelivery);
}

function path(id: number, rest = ""): string {
  return `/api/webhooks/${id}${rest}`;
}

function toWebhook(json: Json): Webhook | null {
  const id = number(json["id"]);
  const url = text(json["url"]);
  if (id === null || url === null) return null;
  return {
    id,
    name: text(json["name"]) ?? "",
    url,
    events: texts(json["events"]),
    enabled: json["enabled"] !== false,
    deviceIds: texts(json["device_ids"]),
    groups: texts(json["groups"]),
    pending: number(json["pending"]) ?? 0,
  };
}

function toDelivery(json: Json): Delivery | null {
  const id = number(json["id"]);
  if (id === null) return null;
  return {
    id,
    event: text(json["event"]) ?? "",
    state: text(json["state"]) ?? "",
    attempts: number(json["attempts"]) ?? 0,
    httpStatus: number(json["response_status"]),
    error: text(json["error"]),
    createdMs: time(json["created_at"]),
    nextMs: time(json["next_attempt_at"]),
  };
}
