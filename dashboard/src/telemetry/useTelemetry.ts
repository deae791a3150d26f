import { useEffect, useState } from "react";
import { Connection, streamUrl, type ConnectionOptions } from "./connection";
import type { EventDoor } from "./door";
import { parseObject, toTelemetry } from "./parse";
import { useOptionalDoor } from "./provider";
import type { TelemetryPayload, TelemetryStatus } from "./types";

/** What {@link useTelemetry} returns. */
export interface Telemetry {
  /** The newest sample of this device; kept while the connection is away, `null` before the first. */
  data: TelemetryPayload | null;
  status: TelemetryStatus;
}

export interface UseTelemetryOptions extends Pick<ConnectionOptions, "backoff" | "stableAfterMs"> {
  /** Server to connect to, `https://host[:port]`. Default: where the page came from. Read at mount. */
  baseUrl?: string;
}

type Update = (change: Partial<Telemetry>) => void;

/**
 * The live telemetry of one device: `const { data, status } = useTelemetry("ems_001")`.
 *
 * Connects on mount, closes on unmount, follows a change of `deviceId` (and never shows one device's data
 * under another's name), and reconnects by itself. Below a `TelemetryProvider` all of these hooks share its one
 * socket; elsewhere each has its own, as the guide describes. The browser's session cookie authenticates it. A frame
 * that is not a sample of this device is ignored and named once per connection in the console.
 */
export function useTelemetry(deviceId: string, options: UseTelemetryOptions = {}): Telemetry {
  const [held, setHeld] = useState<Telemetry & { deviceId: string }>(() => ({ deviceId, ...INITIAL }));
  const [fixed] = useState(options);
  const door = useOptionalDoor();

  useEffect(() => {
    const update: Update = (change) =>
      setHeld((before) => ({ ...(before.deviceId === deviceId ? before : INITIAL), ...change, deviceId }));
    return door === null ? overOwnSocket(deviceId, fixed, update) : overDoor(deviceId, door, update);
  }, [deviceId, door, fixed]);

  return held.deviceId === deviceId ? { data: held.data, status: held.status } : INITIAL;
}

const INITIAL: Telemetry = { data: null, status: "CONNECTING" };

function overOwnSocket(deviceId: string, { baseUrl, ...options }: UseTelemetryOptions, update: Update): () => void {
  let warned = false;
  const connection = new Connection({
    ...options,
    url: streamUrl(deviceId, baseUrl),
    onState: ({ status }) => {
      if (status === "CONNECTING") warned = false;
      update({ status });
    },
    onText: (text) => {
      try {
        update({ data: toTelemetry(parseObject(text), deviceId) });
      } catch (error) {
        if (!warned) console.warn(`A telemetry frame was ignored: ${String(error)}`);
        warned = true;
      }
    },
  });
  return () => connection.close();
}

function overDoor(deviceId: string, door: EventDoor, update: Update): () => void {
  const leaveRoom = door.listen(`device/${deviceId}`, ({ type, payload }) => {
    if (type !== "telemetry") return;
    try {
      update({ data: toTelemetry(payload, deviceId) });
    } catch (error) {
      console.warn(`A telemetry frame was ignored: ${String(error)}`);
    }
  });
  const tellStatus = () => update({ status: door.getState().status });
  const leaveDoor = door.subscribe(tellStatus);
  tellStatus();
  return () => {
    leaveRoom();
    leaveDoor();
  };
}
