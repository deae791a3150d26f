/** What the server tells at the event door, beside the telemetry itself. Times are RFC 3339, by the server's clock. */
import type { DeviceEvent as EventOfDevice, Severity } from "./protocol";

/** Is the device there? `stale`: connected, but no sample comes. */
export type Presence = "online" | "stale" | "offline" | "never";

/** The last minutes of a device, oldest first; `null` where there was no sample. */
export interface Spark {
  /** One value in so many seconds. */
  step_s: number;
  /** %. */
  soc: (number | null)[];
  /** W, + = charging. */
  power: (number | null)[];
}

/** One device of the fleet: units and signs as in a sample. */
export interface FleetRow {
  device_id: string;
  /** Given by a person. */
  name?: string;
  /** The device holds a connection. */
  connected: boolean;
  status: Presence;
  /** Since when the status is so. */
  since?: string;
  /** When its last frame came. */
  last_seen?: string;
  /** When the values were measured. */
  at?: string;
  state?: string;
  mode?: string;
  /** %. */
  soc?: number;
  soc_low?: number;
  soc_high?: number;
  synced?: boolean;
  /** V. */
  voltage?: number;
  /** A, + = charging. */
  current?: number;
  /** W, + = charging. */
  power?: number;
  /** °C. */
  temperature?: number;
  error_flags: string[];
  /** Active alarms. */
  alarms: number;
  /** Those of them that nobody has acknowledged. */
  unacknowledged: number;
  groups: string[];
  /** Two devices use this identity. */
  conflict: boolean;
  /** `null`: there is none any more. In an update, what is left out stays as it was. */
  spark?: Spark | null;
  /** Samples that the device still has to send. */
  backlog?: number;
}

export type { Severity };

/** An alarm, from its raising on. */
export interface Alarm {
  id: number;
  /** The rule that raised it. */
  rule: number;
  device_id: string;
  /** The rule's name. */
  name: string;
  kind: string;
  severity: Severity;
  /** One sentence. */
  message: string;
  value: number | null;
  threshold: number | null;
  raised_at: string;
  /** `null` while its cause is there. */
  cleared_at: string | null;
  /** `null` while nobody has seen it. */
  acknowledged_at: string | null;
  acknowledged_by: string | null;
}

/** Something that happened on a device. */
export type DeviceEvent = EventOfDevice & { device_id: string; details: Record<string, unknown> };
