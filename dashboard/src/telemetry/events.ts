import type { EventDoor } from "./door";
import type { DoorMessage } from "./doorMessage";
import { Listing } from "./listing";
import { toSeverity } from "./alarms";
import { isObject } from "./parse";
import type { DeviceEvent } from "./messages";
import { Store } from "./store";

/** What happened, newest first. */
export interface Events {
  /** What was stored before has come; at once for the events of all devices, which are only heard live. */
  ready: boolean;
  events: readonly DeviceEvent[];
}

/** The most events that are kept. */
const LIMIT = 500;

/** The events of one device with those stored before, or of all devices from now on. */
export class EventStore extends Store<Events> {
  /** `null` for all devices. */
  private readonly listing: Listing | null;
  private leave: (() => void) | null = null;

  constructor(
    private readonly door: EventDoor,
    private readonly deviceId: string | null,
  ) {
    super({ ready: deviceId === null, events: [] });
    const path = `/api/devices/${encodeURIComponent(deviceId ?? "")}/events`;
    const query = { limit: String(LIMIT) };
    this.listing = deviceId === null ? null : new Listing({ door, path, query, onBody: (body) => this.listed(body) });
  }

  protected start(): void {
    const room = this.deviceId === null ? "events" : `device/${this.deviceId}`;
    this.leave = this.door.listen(room, (message) => this.received(message));
  }

  protected stop(): void {
    this.listing?.stop();
    this.leave?.();
  }

  private received({ type, payload }: DoorMessage): void {
    if (type === "subscribed") this.listing?.fetch();
    const event = type === "device.event" ? toDeviceEvent(payload) : null;
    if (event !== null) this.add([event], this.getSnapshot().ready);
  }

  private listed(body: unknown): void {
    const listed = isObject(body) && Array.isArray(body["events"]) ? body["events"] : [];
    this.add(listed.flatMap((value) => toDeviceEvent(value, this.deviceId ?? undefined) ?? []), true);
  }

  /** Adds what is not there yet. */
  private add(found: DeviceEvent[], ready: boolean): void {
    const all = new Map([...this.getSnapshot().events, ...found].map((event) => [keyOf(event), event]));
    const events = [...all.values()].toSorted((a, b) => b.timestamp.localeCompare(a.timestamp)).slice(0, LIMIT);
    this.set({ ready, events });
  }
}

/** Checks an event; `null` if it cannot be used. */
export function toDeviceEvent(value: unknown, deviceId?: string): DeviceEvent | null {
  if (!isObject(value) || typeof value["code"] !== "string" || typeof value["timestamp"] !== "string") return null;
  const id = value["device_id"] ?? deviceId;
  if (typeof id !== "string") return null;
  return {
    device_id: id,
    timestamp: value["timestamp"],
    severity: toSeverity(value["severity"]),
    code: value["code"],
    message: typeof value["message"] === "string" ? value["message"] : "",
    details: isObject(value["details"]) ? value["details"] : {},
  };
}

function keyOf({ device_id, timestamp, code, message }: DeviceEvent): string {
  return JSON.stringify([device_id, timestamp, code, message]);
}
