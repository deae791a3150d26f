import { useEffect, useState, useSyncExternalStore } from "react";
import { LiveDevice, type LiveDeviceOptions } from "./liveDevice";

/**
 * A {@link LiveDevice} that lives as long as the component that uses it; `null` before the first effect.
 * It follows a change of `deviceId` or `windowMs`, and of the callbacks: keep those stable.
 */
export function useLiveDevice({
  deviceId,
  windowMs,
  onSessionEnded,
  onUnknownDevice,
}: Pick<LiveDeviceOptions, "deviceId" | "windowMs" | "onSessionEnded" | "onUnknownDevice">): LiveDevice | null {
  const [live, setLive] = useState<LiveDevice | null>(null);
  useEffect(() => {
    const started = new LiveDevice({ deviceId, windowMs, onSessionEnded, onUnknownDevice });
    setLive(started);
    started.start();
    return () => {
      started.stop();
      setLive(null);
    };
  }, [deviceId, windowMs, onSessionEnded, onUnknownDevice]);
  return live;
}

/** The present state of a live device; the component renders again at each change. */
export function useLiveSnapshot(live: LiveDevice) {
  return useSyncExternalStore(live.subscribe, live.getSnapshot);
}
