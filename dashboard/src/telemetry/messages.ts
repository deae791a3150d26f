/** What the server tells at the event door, beside the telemetry itself. Times are RFC 3339, by the server's clock. */
import type { Alarm as AlarmOfServer, AlarmKind, DeviceEvent as EventOfDevice, FleetRow as RowOfServer, Spark } from "./protocol";

export type { AlarmKind, AlarmRule, Presence, Severity, Spark } from "./protocol";

/** One device of the fleet: units and signs as in a sample. */
export type FleetRow = RowOfServer & {
  /** `null`: there is none any more. In an update, what is left out stays as it was. */
  spark?: Spark | null;
};

/** An alarm, from its raising on. */
export type Alarm = Omit<AlarmOfServer, "kind"> & {
  /** `null`: one that this page does not know. */
  kind: AlarmKind | null;
};

/** Something that happened on a device. */
export type DeviceEvent = EventOfDevice & { device_id: string; details: Record<string, unknown> };
