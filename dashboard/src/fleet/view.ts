import { nameOf } from "../format";
import type { FleetRow, Presence } from "../telemetry";

/** What the list can be sorted by. */
export const SORTS = {
  attention: "Needs attention",
  name: "Device",
  state: "State",
  soc: "Charge",
  power: "Power",
  voltage: "Voltage",
  seen: "Last data",
} as const;

export type SortKey = keyof typeof SORTS;

/** What the list can be narrowed to. */
export const FILTERS = {
  all: "All",
  alarms: "Alarms",
  online: "Online",
  stale: "Stale",
  offline: "Offline",
} as const;

export type FilterKey = keyof typeof FILTERS;

export interface View {
  text: string;
  filter: FilterKey;
  group: string | null;
  sort: SortKey;
  descending: boolean;
}

/** The rows of a view, in its order. */
export function select(rows: Iterable<FleetRow>, view: View): FleetRow[] {
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen: FleetRow[] = [];
  for (const row of rows) {
    if (passes(row, view.filter) && isIn(row, view.group) && hasWords(row, words)) chosen.push(row);
  }
  const compare = COMPARE[view.sort];
  const direction = view.descending ? -1 : 1;
  // Equal rows keep an order of their own, so that none jumps.
  return chosen.toSorted((a, b) => direction * compare(a, b) || byName(a, b));
}

/** How many rows each filter lets through. */
export function count(rows: Iterable<FleetRow>): Record<FilterKey, number> {
  const counts = { all: 0, alarms: 0, online: 0, stale: 0, offline: 0 };
  for (const row of rows) {
    for (const filter of Object.keys(counts) as FilterKey[]) if (passes(row, filter)) counts[filter] += 1;
  }
  return counts;
}

/** What the devices in sight do together: power in W, + = charging. */
export interface Totals {
  charging: number;
  discharging: number;
}

export function totals(rows: Iterable<FleetRow>): Totals {
  const sum = { charging: 0, discharging: 0 };
  for (const row of rows) {
    const power = powerOf(row);
    if (row.status !== "online" || power === undefined) continue;
    if (power > 0) sum.charging += power;
    else sum.discharging -= power;
  }
  return sum;
}

/** The groups that the devices are in, by name. */
export function groupsOf(rows: Iterable<FleetRow>): string[] {
  const groups = new Set<string>();
  for (const row of rows) for (const group of row.groups) groups.add(group);
  return [...groups].toSorted(collator.compare);
}

/** The name a person gave, or the id. */
export function titleOf({ name, device_id }: FleetRow): string {
  return nameOf(device_id, name);
}

/** The battery's power, W, + = charging; from voltage and current where it is not told. */
export function powerOf({ power, voltage, current }: FleetRow): number | undefined {
  return power ?? (voltage !== undefined && current !== undefined ? voltage * current : undefined);
}

/** Something is wrong with the device beside its alarms. */
export function isFaulty({ status, error_flags, conflict }: FleetRow): boolean {
  return conflict || ((status === "online" || status === "stale") && error_flags.length > 0);
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function passes(row: FleetRow, filter: FilterKey): boolean {
  switch (filter) {
    case "all":
      return true;
    case "alarms":
      return row.alarms > 0 || isFaulty(row);
    case "offline":
      return row.status === "offline" || row.status === "never";
    default:
      return row.status === filter;
  }
}

function isIn(row: FleetRow, group: string | null): boolean {
  return group === null || row.groups.includes(group);
}

function hasWords(row: FleetRow, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = `${row.name ?? ""} ${row.device_id} ${row.state ?? ""} ${row.groups.join(" ")}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

type Compare = (a: FleetRow, b: FleetRow) => number;

const byName: Compare = (a, b) => collator.compare(titleOf(a), titleOf(b)) || (a.device_id < b.device_id ? -1 : 1);
const seen = ({ last_seen }: FleetRow) => (last_seen === undefined ? -Infinity : Date.parse(last_seen));

/** The first is what a person should look at first; the long dead are last. */
const COMPARE: Record<SortKey, Compare> = {
  attention: (a, b) => urgency(a) - urgency(b) || (a.status === "offline" ? newest(a, b) : 0),
  name: byName,
  state: (a, b) => collator.compare(a.state ?? "~", b.state ?? "~"),
  soc: (a, b) => known(a.soc) - known(b.soc),
  power: (a, b) => known(powerOf(a)) - known(powerOf(b)),
  voltage: (a, b) => known(a.voltage) - known(b.voltage),
  seen: newest,
};

function newest(a: FleetRow, b: FleetRow): number {
  return seen(b) - seen(a) || 0;
}

/** Finite, so that the difference of two unknowns is zero. */
function known(value: number | undefined): number {
  return value ?? Number.MAX_SAFE_INTEGER;
}

const BY_STATUS: Record<Presence, number> = { stale: 3, online: 4, offline: 5, never: 6 };

function urgency(row: FleetRow): number {
  if (row.unacknowledged > 0) return 0;
  if (row.alarms > 0) return 1;
  return isFaulty(row) ? 2 : BY_STATUS[row.status];
}
