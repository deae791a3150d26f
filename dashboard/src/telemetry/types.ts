/** What the page's parts pass on to each other. The types of the wire are made from the server's: `protocol.ts`. */
import type { Presence, Telemetry } from "./protocol";

export type {
  Battery as BatteryTelemetry,
  ClockQuality,
  Grid as GridTelemetry,
  Mode as SystemMode,
  PowerMeter as PowerTelemetry,
  State as SystemState,
  SystemStatus,
} from "./protocol";

/** One sample of one device, by the name that the guide's hook uses. */
export type TelemetryPayload = Telemetry;

/** State of a WebSocket as the hook reports it; `CLOSED` includes the wait before the next attempt. */
export type TelemetryStatus = "CONNECTING" | "OPEN" | "CLOSED";

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
