import { useEffect, useState } from "react";
import { Connection, streamUrl, type ConnectionOptions } from "./connection";
import { parseObject, toTelemetry } from "./parse";
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

/**
 * The live telemetry of one device: `const { data, status } = useTelemetry("ems_001")`.
 *
 * Connects on mount, closes on unmount, follows a change of `deviceId` (and never shows one device's data
 * under another's name), and reconnects by itself. The browser's session cookie authenticates it. A frame
 * that is not a sample of this device is ignored and named once per connection in the console.
 */
export function useTelemetry(deviceId: string, options: UseTelemetryOptions = {}): Telemetry {
  const [held, setHeld] = useState<Telemetry & { deviceId: string }>(() => ({ deviceId, ...INITIAL }));
  const [fixed] = useState(options);

  useEffect(() => {
    let warned = false;
    const update = (change: Partial<Telemetry>) =>
      setHeld((before) => ({ ...(before.deviceId === deviceId ? before : INITIAL), ...change, deviceId }));
    const connection = new Connection({
      ...fixed,
      url: streamUrl(deviceId, fixed.baseUrl),
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
  }, [deviceId, fixed]);

  return held.deviceId === deviceId ? { data: held.data, status: held.status } : INITIAL;
}

const INITIAL: Telemetry = { data: null, status: "CONNECTING" };
