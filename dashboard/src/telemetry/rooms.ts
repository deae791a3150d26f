import type { DoorMessage } from "./doorMessage";

/** Hears the messages of a room. */
export type RoomListener = (message: DoorMessage) => void;

export interface RoomOptions {
  /** Of a device: also the samples of the last seconds, at most 900. */
  recentS?: number;
  /**
   * Of a device: when the newest sample that is here came, RFC 3339; `null` if there is none. After a loss, the server
   * sends what came after it. Asked at each joining.
   */
  since?: () => string | null;
  /** Keep the room while the page is hidden, for what a person has to be told of. */
  whenHidden?: boolean;
  /** The server does not let this user in, or there is no such device. */
  onRefused?: (code: string, message: string) => void;
}

interface Member {
  listener: RoomListener;
  options: RoomOptions;
}

type Send = (type: string, payload: Record<string, unknown>) => boolean;

/**
 * Which rooms of the event door are wanted and which are joined.
 *
 * Changes are gathered until the end of the current task, so that a page that mounts a hundred listeners sends one
 * message, and one that unmounts and mounts again sends none.
 */
export class Rooms {
  private readonly wanted = new Map<string, Set<Member>>();
  private readonly joined = new Set<string>();
  /** Joined, but not by their newest listener, who needs what comes at first. */
  private readonly anew = new Set<string>();
  private online = false;
  private parked = false;
  private scheduled = false;

  constructor(private readonly send: Send) {}

  /** Rooms that somebody listens to. */
  get size(): number {
    return this.wanted.size;
  }

  add(room: string, listener: RoomListener, options: RoomOptions): () => void {
    const member = { listener, options };
    const members = this.wanted.get(room) ?? new Set();
    if (members.size > 0) this.anew.add(room);
    members.add(member);
    this.wanted.set(room, members);
    this.schedule();
    return () => {
      members.delete(member);
      if (members.size === 0 && this.wanted.get(room) === members) this.wanted.delete(room);
      this.schedule();
    };
  }

  connected(): void {
    this.online = true;
    this.settle();
  }

  connectionLost(): void {
    this.online = false;
    this.joined.clear();
    this.anew.clear();
  }

  /** Leaves the rooms that only matter to the eye. */
  park(): void {
    this.parked = true;
    this.settle();
  }

  unpark(): void {
    if (!this.parked) return;
    this.parked = false;
    this.settle();
  }

  /** Gives a message to those it is for: the listeners of its room. */
  dispatch(message: DoorMessage): void {
    if (message.type === "device.removed") this.removed(`device/${String(message.payload["device_id"])}`);
    for (const room of roomsOf(message)) {
      for (const { listener } of this.wanted.get(room) ?? []) listener(message);
    }
  }

  refused({ payload: { code, message, details } }: DoorMessage): void {
    const room = typeof details === "object" && details !== null && "room" in details ? details.room : undefined;
    for (const { options } of this.wanted.get(String(room)) ?? []) options.onRefused?.(String(code), String(message));
  }

  /** Joined again, a room is that of the next device of this name, or refused. */
  private removed(room: string): void {
    if (this.joined.delete(room)) this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.settle();
    });
  }

  /** Joins and leaves until what is joined is what is wanted. */
  private settle(): void {
    if (!this.online) return;
    const wanted = [...this.wanted].filter(([, members]) => !this.parked || [...members].some((m) => m.options.whenHidden));
    const names = new Set(wanted.map(([room]) => room));
    const leave = [...this.joined].filter((room) => !names.has(room) || this.anew.has(room));
    if (leave.length > 0) this.send("unsubscribe", { rooms: leave });
    for (const room of leave) this.joined.delete(room);
    this.anew.clear();
    const batches = new Map<string, { rooms: string[]; options: object }>();
    for (const [room, members] of wanted) {
      if (this.joined.has(room)) continue;
      const options = joint([...members]);
      const key = JSON.stringify(options);
      const batch = batches.get(key) ?? { rooms: [], options };
      batch.rooms.push(room);
      batches.set(key, batch);
      this.joined.add(room);
    }
    for (const { rooms, options } of batches.values()) this.send("subscribe", { rooms, ...options });
  }
}

/** What all the listeners of a room need at first. */
function joint(members: Member[]): { recent_s?: number; since?: string } {
  const asking = members.filter(({ options }) => options.recentS !== undefined || options.since !== undefined);
  if (asking.length === 0) return {};
  const since = asking.map(({ options }) => options.since?.() ?? null);
  if (since.every((time) => time !== null)) return { since: since.toSorted()[0] ?? "" };
  return { recent_s: Math.max(...asking.map(({ options }) => options.recentS ?? 0)) };
}

/** The rooms in which a message is told. */
function roomsOf({ type, payload }: DoorMessage): string[] {
  // The answer to a joining concerns its room alone.
  if (type === "subscribed" || type === "unsubscribed") return [String(payload["room"])];
  const shared = SHARED.filter(([prefix]) => type.startsWith(prefix)).map(([, room]) => room);
  const id = payload["device_id"];
  return typeof id === "string" ? [...shared, `device/${id}`] : shared;
}

/** The rooms that all devices share, by the beginning of a message's type. */
const SHARED: readonly (readonly [prefix: string, room: string])[] = [
  ["fleet.", "fleet"],
  ["device.status", "devices"],
  ["device.removed", "devices"],
  ["device.event", "events"],
  ["alarm", "alarms"],
  ["uwb.", "uwb"],
  ["audit", "audit"],
];
