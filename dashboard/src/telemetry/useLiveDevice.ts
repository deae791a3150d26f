import { useMemo, useSyncExternalStore } from "react";
import { LiveDevice, type LiveDeviceOptions, type LiveSnapshot } from "./liveDevice";
import { useDoor } from "./provider";
import { whenVisible } from "./visible";

/**
 * A {@link LiveDevice} on the shared connection, listening while a component shows its snapshot. It follows a change
 * of `deviceId` or `windowMs`, and of the callback: keep that one stable.
 */
export function useLiveDevice({ deviceId, windowMs, onUnknownDevice }: LiveDeviceOptions): LiveDevice {
  const door = useDoor();
  return useMemo(
    () => new LiveDevice(door, { deviceId, windowMs, onUnknownDevice }),
    [door, deviceId, windowMs, onUnknownDevice],
  );
}

/**
 * The present state of a live device; the component renders again at each change. In a hidden page it does not, and
 * it catches up when the page is shown.
 */
export function useLiveSnapshot(live: LiveDevice): LiveSnapshot {
  const subscribe = useMemo(() => whenVisible(live.subscribe), [live]);
  return useSyncExternalStore(subscribe, live.getSnapshot);
}
