import type { EventDoor } from "./door";
import type { DoorMessage } from "./doorMessage";
import { toFleetRow } from "./fleetRow";
import { Store } from "./store";
import type { FleetRow } from "./messages";

/** Every device that the user may see. A new object at each change; rows that did not change are kept. */
export interface Fleet {
  /** All rows have come once. Before that, `rows` may hold some. */
  ready: boolean;
  rows: ReadonlyMap<string, FleetRow>;
  /** Grows whenever devices come or go. */
  generation: number;
  /** When the server told it last, by its clock, Unix ms. */
  toldAtMs: number;
}

/** The fleet as the room `fleet` tells it: all rows at first, then those that change. */
export class FleetStore extends Store<Fleet> {
  private rows = new Map<string, FleetRow>();
  /** Rows of a snapshot that is not complete yet. */
  private coming: Map<string, FleetRow> | null = null;
  private leave: (() => void) | null = null;

  constructor(private readonly door: EventDoor) {
    super({ ready: false, rows: new Map(), generation: 0, toldAtMs: 0 });
  }

  protected start(): void {
    const leaveRoom = this.door.listen("fleet", (message) => this.received(message));
    // What a lost connection had begun to tell, the next one tells from the start.
    const leaveDoor = this.door.subscribe(() => (this.coming = null));
    this.leave = () => {
      leaveRoom();
      leaveDoor();
    };
  }

  protected stop(): void {
    this.leave?.();
    this.coming = null;
  }

  private received({ type, payload }: DoorMessage): void {
    if (type === "fleet.snapshot") this.receivedSnapshot(payload);
    else if (type === "fleet.update") this.receivedUpdate(payload);
  }

  private receivedSnapshot({ devices, final }: Record<string, unknown>): void {
    this.coming ??= new Map();
    for (const row of rowsOf(devices)) this.coming.set(row.device_id, row);
    if (final === false) {
      // The first screen need not wait for the last row.
      if (!this.getSnapshot().ready) this.publish(new Map(this.coming), false);
      return;
    }
    // What is not in the snapshot is gone.
    this.publish(this.coming, true);
    this.coming = null;
  }

  private receivedUpdate({ devices, removed }: Record<string, unknown>): void {
    const rows = new Map(this.rows);
    for (const row of rowsOf(devices)) {
      for (const known of [rows, this.coming]) known?.set(row.device_id, after(known.get(row.device_id), row));
    }
    for (const id of Array.isArray(removed) ? removed : []) {
      rows.delete(String(id));
      this.coming?.delete(String(id));
    }
    this.publish(rows, this.getSnapshot().ready);
  }

  private publish(rows: Map<string, FleetRow>, ready: boolean): void {
    const { generation } = this.getSnapshot();
    const same = rows.size === this.rows.size && [...rows.keys()].every((id) => this.rows.has(id));
    this.rows = rows;
    this.set({ ready, rows, generation: same ? generation : generation + 1, toldAtMs: this.door.clock.now() });
  }
}

/** The row in the place of `before`: the minutes come with the snapshot and when one ends. */
function after(before: FleetRow | undefined, row: FleetRow): FleetRow {
  return row.spark !== undefined || before?.spark === undefined ? row : { ...row, spark: before.spark };
}

function rowsOf(devices: unknown): FleetRow[] {
  if (!Array.isArray(devices)) return [];
  return devices.flatMap((device) => {
    const row = toFleetRow(device);
    return row === null ? [] : [row];
  });
}
