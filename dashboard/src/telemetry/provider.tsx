import { createContext, use, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import type { ConnectionState } from "./connection";
import { EventDoor, type EventDoorOptions } from "./door";
import type { DoorMessage } from "./doorMessage";
import type { RoomOptions } from "./rooms";

const DoorContext = createContext<EventDoor | null>(null);

/**
 * The one connection that all hooks below share. It connects when the first of them is mounted and closes when the
 * last one is gone. The options are read at mount.
 */
export function TelemetryProvider({ children, ...options }: EventDoorOptions & { children: ReactNode }) {
  const [door] = useState(() => new EventDoor(options));
  return <DoorContext value={door}>{children}</DoorContext>;
}

/** The shared connection. */
export function useDoor(): EventDoor {
  const door = use(DoorContext);
  if (door === null) throw new Error("this hook needs a TelemetryProvider above it");
  return door;
}

/** The shared connection, if there is a {@link TelemetryProvider}. */
export function useOptionalDoor(): EventDoor | null {
  return use(DoorContext);
}

/** How the shared connection is; connected while this is mounted. */
export function useConnection(): ConnectionState {
  const door = useDoor();
  return useSyncExternalStore(door.subscribe, door.getState);
}

/**
 * Calls `onMessage` for each message of a room, `null` for none: `useRoom("uwb", (message) => …)`. A new function at
 * each render is fine; the room is joined while the component is mounted.
 */
export function useRoom(
  room: string | null,
  onMessage: (message: DoorMessage) => void,
  { whenHidden = false }: Pick<RoomOptions, "whenHidden"> = {},
): void {
  const door = useDoor();
  const latest = useRef(onMessage);
  useEffect(() => {
    latest.current = onMessage;
  });
  useEffect(() => {
    if (room === null) return;
    return door.listen(room, (message) => latest.current(message), { whenHidden });
  }, [door, room, whenHidden]);
}
