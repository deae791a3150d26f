// Made from the crate `protocol` by its test; do not edit. After a change there:
// EMS_UPDATE_TYPES=1 cargo test -p ems-protocol --lib typescript
//
// Units are SI and named at each field. `current` and `power` of a battery are positive while it charges. Fields that
// are not known are left out.

/** A device's name: `^[a-z0-9][a-z0-9_-]{0,62}$`. */
export type DeviceId = string;

/** Milliseconds since 1970-01-01T00:00:00Z. On the wire `2026-02-03T12:00:00.000Z`. */
export type Timestamp = string;

/** How a sample's time stamp was known. */
export type ClockQuality = "synced" | "server" | "restored" | "unsynced";

/** What the battery does. */
export type State = "IDLE" | "CHARGING" | "DISCHARGING" | "FULL" | "EMPTY" | "ERROR";

/** Who decides about charge and load. */
export type Mode = "AUTO" | "MANUAL";

/** One sample: a bare object in plain mode, the payload of `telemetry` in typed mode. */
export type Telemetry = {
  /** Version of this object, 1. */
  v?: number;
  /** Whose sample it is. */
  device_id: DeviceId;
  /** When it was taken. */
  timestamp: Timestamp;
  /** The boot in which it was taken. */
  boot_id?: string;
  /** Its number within that boot: one more with each sample. The pair names a sample for ever. */
  seq?: number;
  /** How the time stamp was known. */
  clock?: ClockQuality;
  /** The device's own state. */
  system_status?: SystemStatus;
  /** The battery. */
  battery: Battery;
  /** The grid, from publishers that measure it. */
  grid?: Grid;
  /** Photovoltaics, from publishers that measure them. */
  solar?: PowerMeter;
  /** Consumers, from publishers that measure them. */
  load?: PowerMeter;
};

/** The device's own state. */
export type SystemStatus = {
  /** What the battery does. */
  state?: State;
  /** Who decides. */
  mode?: Mode;
  /** What is wrong; says why values are missing. */
  error_flags?: Array<string>;
  /** Wi-Fi signal, dBm. */
  wifi_strength?: number;
  /** Since the board's boot, s. */
  uptime_seconds?: number;
  /** Version of the daemon. */
  firmware_version?: string;
  /** Processor, °C. */
  cpu_temperature?: number;
  /** Whether the board's own supply is too low. */
  undervoltage?: boolean;
};

/** The battery. `current` and `power` are positive while it charges. */
export type Battery = {
  /** Pack voltage, V. Missing only when a flag says why. */
  voltage?: number;
  /** State of charge, %. Missing only when a flag says why. */
  soc?: number;
  /** Current, A. */
  current?: number;
  /** Power, W. */
  power?: number;
  /** Lower end of the interval that holds the true state of charge in 95 %, %. */
  soc_low?: number;
  /** Upper end of that interval, %. */
  soc_high?: number;
  /** A quarter of the interval's width (one standard deviation), percentage points. */
  soc_uncertainty?: number;
  /** Whether the state of charge has been tied to a full or empty battery. */
  synced?: boolean;
  /** Since the state of charge was tied to a full or empty battery, h. */
  hours_since_sync?: number;
  /** Charge moved in either direction since then, Ah. */
  ah_since_sync?: number;
  /** Whether the device lets the battery be charged. */
  charge_allowed?: boolean;
  /** Whether the device lets the battery be drawn from. */
  load_allowed?: boolean;
  /** Cell temperature, °C. */
  temperature?: number;
  /** State of health, %. */
  soh?: number;
  /** Capacity, kWh. */
  capacity?: number;
  /** Energy charged since the installation, kWh. */
  energy_in?: number;
  /** Energy discharged since the installation, kWh. */
  energy_out?: number;
  /** Equivalent full cycles. */
  cycle_count?: number;
  /** At the present load, s. */
  time_to_empty_s?: number;
  /** At the present charge, s. */
  time_to_full_s?: number;
  /** Faults of the battery. */
  faults?: Array<string>;
  /** Warnings of the battery. */
  warnings?: Array<string>;
};

/** The grid. `current` and `power` are positive while energy is imported. */
export type Grid = {
  /** V. */
  voltage?: number;
  /** A. */
  current?: number;
  /** W. */
  power?: number;
  /** Hz. */
  frequency?: number;
  /** −1 to 1. */
  power_factor?: number;
  /** kWh. */
  energy_import?: number;
  /** kWh. */
  energy_export?: number;
  /** In the publisher's words. */
  status?: string;
};

/** A place where only power is measured. */
export type PowerMeter = {
  /** W. */
  power?: number;
};

/** How much an event matters. */
export type Severity = "info" | "warning" | "error";

/** `device.event`: something happened on the device. */
export type DeviceEvent = {
  /** When. */
  timestamp: Timestamp;
  /** How much it matters. */
  severity: Severity;
  /** A stable name, for example `SENSOR_LOST`. */
  code: string;
  /** One sentence for a person. */
  message: string;
  /** Facts for a program. */
  details?: Record<string, unknown>;
};

/** `system.heartbeat`, from the server to everybody. */
export type Heartbeat = {
  /** When it was sent. */
  timestamp: Timestamp;
  /** The same, by the name that `device.welcome` uses. */
  server_time: Timestamp;
  /** How long the server has been running, in s. */
  uptime_seconds: number;
};

/** What is known of a device's presence. */
export type Presence = "never" | "offline" | "stale" | "online";

/** One device of `fleet.snapshot` and `fleet.update`. What is not known is left out. `spark` comes beside these fields. */
export type FleetRow = {
  /** Whose row it is. */
  device_id: DeviceId;
  /** Given by a person. */
  name?: string;
  /** Whether it is let in; left out when it is. */
  enabled?: boolean;
  /** It holds a connection. */
  connected: boolean;
  /** Its presence. */
  status: Presence;
  /** Since when that is so. */
  since: Timestamp;
  /** When its last frame came. */
  last_seen?: Timestamp;
  /** When the values below were measured. */
  at?: Timestamp;
  /** What the battery does. */
  state?: State;
  /** Who decides. */
  mode?: Mode;
  /** State of charge, %. */
  soc?: number;
  /** Lower end of the interval that holds it in 95 %, %. */
  soc_low?: number;
  /** Upper end of that interval, %. */
  soc_high?: number;
  /** Whether the state of charge has been tied to a full or empty battery. */
  synced?: boolean;
  /** Pack voltage, V. */
  voltage?: number;
  /** Current, A, + = charging. */
  current?: number;
  /** Power, W, + = charging. */
  power?: number;
  /** Battery, °C. */
  temperature?: number;
  /** What is wrong; says why values are missing. */
  error_flags: Array<string>;
  /** Alarms that are not over. */
  alarms: number;
  /** Those of them that nobody has acknowledged. */
  unacknowledged: number;
  /** The groups that it is in. */
  groups: Array<string>;
  /** Two devices have fought for this identity within the last hour. */
  conflict: boolean;
  /** Samples that it still has to send; left out when there are none. */
  backlog?: number;
};

/** `spark` of a row: the means of the last minutes that have ended, oldest first. */
export type Spark = {
  /** One value in so many seconds. */
  step_s: number;
  /** State of charge, %; `null` where there was no sample. */
  soc: Array<number | null>;
  /** Power, W, + = charging; `null` where there was no sample. */
  power: Array<number | null>;
};

/** What a rule looks at. */
export type AlarmKind = "below" | "above" | "offline" | "no_data" | "fault";

/** When an alarm is raised. */
export type AlarmRule = {
  /** Names it; given by the server. */
  id: number;
  /** For people. */
  name: string;
  /** The device; all without it. */
  device_id: DeviceId | null;
  /** What it looks at. */
  kind: AlarmKind;
  /** Of `below` and `above`: the path of a number, for example `battery.soc`. */
  field: string | null;
  /** Of `below` and `above`, in the field's own unit. */
  threshold: number | null;
  /** The alarm is over when the value is this far on the good side of the threshold. */
  hysteresis: number;
  /** How long it must be so before the alarm is raised, in s. */
  for_s: number;
  /** How much it matters. */
  severity: Severity;
};

/** `alarm`, in the room `alarms`: from its raising on. */
export type Alarm = {
  /** Names it. */
  id: number;
  /** The rule that raised it; it may be gone. */
  rule: number;
  /** Of which device. */
  device_id: DeviceId;
  /** The device's name; `null` where it has none. */
  device_name: string | null;
  /** The rule's name. */
  name: string;
  /** What the rule looked at. */
  kind: AlarmKind;
  /** How much it matters. */
  severity: Severity;
  /** One sentence. */
  message: string;
  /** The value that raised it. */
  value: number | null;
  /** The rule's threshold then. */
  threshold: number | null;
  /** When it was raised. */
  raised_at: Timestamp;
  /** When its cause was gone; `null` while it is there. */
  cleared_at: Timestamp | null;
  /** When somebody had seen it; `null` while nobody has. */
  acknowledged_at: Timestamp | null;
  /** Who that was. */
  acknowledged_by: string | null;
};

/** Where a command stands. */
export type CommandStatus = "CREATED" | "SENT" | "TIMED_OUT" | "ACCEPTED" | "IN_PROGRESS" | "SUCCEEDED" | "FAILED" | "REJECTED";

/** Why a command was rejected or failed. */
export type ReasonCode = "UNKNOWN_ACTION" | "NOT_ALLOWED" | "INVALID_PAYLOAD" | "EXPIRED" | "STATE_FORBIDS" | "UNSUPPORTED" | "HARDWARE" | "BUSY" | "INTERRUPTED";

/** The kinds of trouble with a frame. */
export type ErrorCode = "invalid_json" | "invalid_message" | "unknown_type" | "forbidden" | "not_found" | "conflict" | "unauthenticated" | "too_large" | "too_many" | "unavailable";

/** The payload of `error`; the socket stays open. */
export type ErrorMessage = {
  /** The kind of trouble. */
  code: ErrorCode;
  /** One sentence: what is wrong, where, what to do. */
  message: string;
  /** Facts for a program: `field`, `limit`, `seq`, …. */
  details?: Record<string, unknown>;
};

/** A point, in m. */
export type Point = {
  /** East, or as the site's anchors say. */
  x: number;
  /** North, or as the site's anchors say. */
  y: number;
  /** Up. */
  z: number;
};

/** `uwb.location`: a tag is here. */
export type UwbLocation = {
  /** The tag, for example `4f2a`: 1 to 64 visible ASCII characters. */
  device_id: string;
  /** Where it is. */
  location: Point;
  /** The radius in which it is, in m, if that is known. */
  accuracy?: number;
  /** How good the position is, 0 to 100 %, as a DWM1001 says it. */
  quality?: number;
  /** When it was there. */
  timestamp: Timestamp;
};

/** A tag in [`UwbDeviceList`]. */
export type UwbDevice = {
  /** The tag. */
  id: string;
  /** When it was last heard of. */
  last_seen: Timestamp;
  /** Where it was then. */
  location: Point;
};

/** `uwb.device_list`: the tags that were heard of. */
export type UwbDeviceList = {
  /** In the order of their names. */
  devices: Array<UwbDevice>;
};
