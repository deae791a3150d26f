import { useMemo, useSyncExternalStore } from "react";
import { AlarmStore, type Alarms } from "./alarms";
import type { EventDoor } from "./door";
import { EventStore, type Events } from "./events";
import { FleetStore, type Fleet } from "./fleet";
import { FrameStore, type Frames } from "./frames";
import { useDoor } from "./provider";
import { whenVisible } from "./visible";
import type { Store } from "./store";

/** Every device with its latest values, kept current. In a hidden page nothing is rendered. */
export function useFleet(): Fleet {
  return useShown(useShared(FLEETS, (door) => new FleetStore(door)));
}

/** The alarms that are not over, also in a hidden page. */
export function useAlarms(): Alarms {
  const store = useShared(ALARMS, (door) => new AlarmStore(door));
  return useSyncExternalStore(store.subscribe, store.getSnapshot);
}

/** The events of a device, with those stored before; without an id, those of all devices from now on. */
export function useEvents(deviceId: string | null = null): Events {
  const door = useDoor();
  return useShown(useMemo(() => new EventStore(door, deviceId), [door, deviceId]));
}

/** The latest `limit` frames in and out of the shared connection, while this is mounted. */
export function useMessages(limit = 500): Frames & { clear: () => void } {
  const door = useDoor();
  const store = useMemo(() => new FrameStore(door, limit), [door, limit]);
  return { ...useShown(store), clear: store.clear };
}

const FLEETS = new WeakMap<EventDoor, FleetStore>();
const ALARMS = new WeakMap<EventDoor, AlarmStore>();

/** The store that all components below the same connection share. */
function useShared<T>(stores: WeakMap<EventDoor, T>, make: (door: EventDoor) => T): T {
  const door = useDoor();
  let store = stores.get(door);
  if (store === undefined) stores.set(door, (store = make(door)));
  return store;
}

function useShown<T>(store: Store<T>): T {
  const subscribe = useMemo(() => whenVisible(store.subscribe), [store]);
  return useSyncExternalStore(subscribe, store.getSnapshot);
}
