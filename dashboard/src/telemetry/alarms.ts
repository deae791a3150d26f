import type { EventDoor } from "./door";
import type { DoorMessage } from "./doorMessage";
import { Listing } from "./listing";
import { isObject, toNumber, toText, type Unchecked } from "./parse";
import type { Alarm, AlarmKind, Severity } from "./messages";
import { Store } from "./store";

/** The alarms that are not over, newest first. */
export interface Alarms {
  /** The list has come once. */
  ready: boolean;
  active: readonly Alarm[];
  /** Those that nobody has acknowledged. */
  unacknowledged: number;
}

/** The most alarms that are asked for. */
const LIMIT = 1_000;

/**
 * The alarms as the room `alarms` tells them, after a list that is fetched at each joining. It goes on in a hidden
 * page: an alarm is there to be told.
 */
export class AlarmStore extends Store<Alarms> {
  private readonly alarms = new Map<number, Alarm>();
  /** What was told since the room was joined: newer than a list that was read meanwhile. */
  private readonly heard = new Map<number, Alarm>();
  private readonly listing: Listing;
  private leave: (() => void) | null = null;

  constructor(private readonly door: EventDoor) {
    super({ ready: false, active: [], unacknowledged: 0 });
    const query = { limit: String(LIMIT) };
    this.listing = new Listing({ door, path: "/api/alarms", query, onBody: (body) => this.listed(body) });
  }

  protected start(): void {
    this.leave = this.door.listen("alarms", (message) => this.received(message), { whenHidden: true });
  }

  protected stop(): void {
    this.listing.stop();
    this.leave?.();
  }

  private received({ type, payload }: DoorMessage): void {
    if (type === "subscribed") {
      this.heard.clear();
      this.listing.fetch();
    }
    const alarm = type === "alarm" ? toAlarm(payload) : null;
    if (alarm === null) return;
    if (this.listing.isRunning) this.heard.set(alarm.id, alarm);
    this.put(alarm);
    this.publish(this.getSnapshot().ready);
  }

  private listed(body: unknown): void {
    const listed = isObject(body) && Array.isArray(body["alarms"]) ? body["alarms"] : [];
    this.alarms.clear();
    for (const value of listed) {
      const alarm = toAlarm(value);
      if (alarm !== null) this.put(alarm);
    }
    for (const alarm of this.heard.values()) this.put(alarm);
    this.heard.clear();
    this.publish(true);
  }

  private put(alarm: Alarm): void {
    if (alarm.cleared_at === null) this.alarms.set(alarm.id, alarm);
    else this.alarms.delete(alarm.id);
  }

  private publish(ready: boolean): void {
    const active = [...this.alarms.values()].toSorted((a, b) => b.id - a.id);
    this.set({ ready, active, unacknowledged: active.filter((alarm) => alarm.acknowledged_at === null).length });
  }
}

/** Checks an alarm; `null` if it cannot be used. */
export function toAlarm(value: unknown): Alarm | null {
  if (!isObject(value)) return null;
  const alarm: Unchecked<Alarm> = value;
  if (typeof alarm.id !== "number" || typeof alarm.device_id !== "string") return null;
  return {
    id: alarm.id,
    rule: toNumber(alarm.rule) ?? 0,
    device_id: alarm.device_id,
    device_name: toText(alarm.device_name),
    name: toText(alarm.name) ?? "",
    kind: toAlarmKind(alarm.kind),
    severity: toSeverity(alarm.severity),
    message: toText(alarm.message) ?? "",
    value: toNumber(alarm.value),
    threshold: toNumber(alarm.threshold),
    raised_at: toText(alarm.raised_at) ?? "",
    cleared_at: toText(alarm.cleared_at),
    acknowledged_at: toText(alarm.acknowledged_at),
    acknowledged_by: toText(alarm.acknowledged_by),
  };
}

/** The kind of an alarm or of its rule; `null`: one that this page does not know. */
export function toAlarmKind(value: unknown): AlarmKind | null {
  return typeof value === "string" && Object.hasOwn(KINDS, value) ? (value as AlarmKind) : null;
}

const KINDS: Readonly<Record<AlarmKind, true>> = { below: true, above: true, offline: true, no_data: true, fault: true };

/** What is not known to be harmless counts as a warning. */
export function toSeverity(value: unknown): Severity {
  return value === "info" || value === "error" ? value : "warning";
}
