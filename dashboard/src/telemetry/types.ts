/**
 * The telemetry of a battery system as it travels in version 1 of the wire contract.
 *
 * Units are SI and stated at each field. Signs: a battery's `current` and `power` are positive while it
 * charges; the grid's are positive while it imports. Optional fields are absent when unknown, never zero.
 */

import type { Presence } from "./messages";

/** State of a WebSocket as the hook reports it; `CLOSED` includes the wait before the next attempt. */
export type TelemetryStatus = "CONNECTING" | "OPEN" | "CLOSED";

/** How the device knew the time when it stamped the sample, from best to worst. */
export type ClockQuality = "synced" | "server" | "restored" | "unsynced";

/** What the protection state machine says the battery is doing. */
export type SystemState = "IDLE" | "CHARGING" | "DISCHARGING" | "FULL" | "EMPTY" | "ERROR";

/** Who drives the outputs: the state machine, or a person. */
export type SystemMode = "AUTO" | "MANUAL";

/** State of the device itself. */
export interface SystemStatus {
  state?: SystemState;
  mode?: SystemMode;
  /** Faults present in this sample, such as `SENSOR_LOST`; the reason why a measured field is missing. */
  error_flags?: string[];
  /** Received signal strength, dBm (−30 excellent, −90 unusable). */
  wifi_strength?: number;
  /** Since the device booted, s. */
  uptime_seconds?: number;
  firmware_version?: string;
  /** °C. */
  cpu_temperature?: number;
  /** The board's own supply is below its limit now. */
  undervoltage?: boolean;
}

/** The battery. `voltage` and `soc` are absent only in a gap sample, whose `error_flags` say why. */
export interface BatteryTelemetry {
  /** Pack voltage, V. */
  voltage?: number;
  /** State of charge, % (0–100): the middle of the estimate. */
  soc?: number;
  /** A, + = charging. */
  current?: number;
  /** W, + = charging. */
  power?: number;
  /** Lower end of the interval that holds the true state of charge in 95 % of cases, %. */
  soc_low?: number;
  /** Upper end of that interval, %. */
  soc_high?: number;
  /** Standard uncertainty of `soc`: a quarter of the interval's width, %. */
  soc_uncertainty?: number;
  /** The estimate has been tied to a full or empty battery. */
  synced?: boolean;
  /** Since the estimate was tied to a full or empty battery, h. */
  hours_since_sync?: number;
  /** Charge moved in either direction since then, Ah. */
  ah_since_sync?: number;
  /** The device lets the battery be charged. */
  charge_allowed?: boolean;
  /** The device lets the battery be drawn from. */
  load_allowed?: boolean;
  /** °C. */
  temperature?: number;
  /** State of health: usable capacity relative to a new pack, %. */
  soh?: number;
  /** Usable capacity, kWh. */
  capacity?: number;
  /** Charged since installation, kWh. */
  energy_in?: number;
  /** Discharged since installation, kWh. */
  energy_out?: number;
  cycle_count?: number;
  /** At the present discharge, s. */
  time_to_empty_s?: number;
  /** At the present charge, s. */
  time_to_full_s?: number;
  faults?: string[];
  warnings?: string[];
}

/** The grid connection, from a third-party publisher. */
export interface GridTelemetry {
  /** V. */
  voltage?: number;
  /** A, + = import. */
  current?: number;
  /** W, + = import. */
  power?: number;
  /** Hz. */
  frequency?: number;
  /** −1 to 1. */
  power_factor?: number;
  /** kWh. */
  energy_import?: number;
  /** kWh. */
  energy_export?: number;
  status?: string;
}

/** A producer or consumer of which only the power is known. */
export interface PowerTelemetry {
  /** W. */
  power?: number;
}

/** One sample of one device. */
export interface TelemetryPayload {
  device_id: string;
  /** When the sample was taken by the device's clock, RFC 3339; how far to trust it: {@link clock}. */
  timestamp: string;
  battery: BatteryTelemetry;
  /** Version of the contract: 1. */
  v?: number;
  /** Boot of the device in which the sample was taken; with `seq` it names the sample for ever. */
  boot_id?: string;
  /** Grows by one per sample within one `boot_id`. */
  seq?: number;
  clock?: ClockQuality;
  system_status?: SystemStatus;
  grid?: GridTelemetry;
  solar?: PowerTelemetry;
  load?: PowerTelemetry;
}

/** What the cloud knows of a device apart from its samples. Times are the server's. */
export interface DeviceSummary {
  device_id: string;
  /** Given by a person; `null` if none. */
  name: string | null;
  /** The device holds a connection to the cloud. */
  online: boolean;
  status: Presence;
  /** Samples that the device still has to send, if the server tells. */
  backlog?: number;
  /** Since when it is online or offline, RFC 3339; `null` if never seen. */
  since: string | null;
  /** When its last frame came, RFC 3339; `null` if never. */
  last_seen: string | null;
  latest: TelemetryPayload | null;
}
