import { useCallback, useMemo, useSyncExternalStore } from "react";
import { LiveDevice, type LiveDeviceOptions, type LiveSnapshot } from "./liveDevice";

/**
 * A {@link LiveDevice}, connected while a component shows its snapshot. It follows a change of `deviceId` or
 * `windowMs`, and of the callbacks: keep those stable.
 */
export function useLiveDevice({
  deviceId,
  windowMs,
  onSessionEnded,
  onUnknownDevice,
}: Pick<LiveDeviceOptions, "deviceId" | "windowMs" | "onSessionEnded" | "onUnknownDevice">): LiveDevice {
  return useMemo(
    () => new LiveDevice({ deviceId, windowMs, onSessionEnded, onUnknownDevice }),
    [deviceId, windowMs, onSessionEnded, onUnknownDevice],
  );
}

/**
 * The present state of a live device; the component renders again at each change. In a hidden page it does
 * not, while the device goes on collecting, and it catches up when the page is shown.
 */
export function useLiveSnapshot(live: LiveDevice): LiveSnapshot {
  const subscribe = useCallback(
    (listener: () => void) => {
      const whenVisible = () => {
        if (!document.hidden) listener();
      };
      const unsubscribe = live.subscribe(whenVisible);
      document.addEventListener("visibilitychange", whenVisible);
      return () => {
        unsubscribe();
        document.removeEventListener("visibilitychange", whenVisible);
      };
    },
    [live],
  );
  return useSyncExternalStore(subscribe, live.getSnapshot);
}
