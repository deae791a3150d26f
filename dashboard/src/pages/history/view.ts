import type { Quantity } from "../../charts/quantity";

/** How far back a view reaches, counted from now. */
export const PRESETS = [
  { key: "1h", title: "1 h", ms: 3_600_000 },
  { key: "6h", title: "6 h", ms: 6 * 3_600_000 },
  { key: "24h", title: "24 h", ms: 24 * 3_600_000 },
  { key: "7d", title: "7 d", ms: 7 * 86_400_000 },
  { key: "30d", title: "30 d", ms: 30 * 86_400_000 },
  { key: "90d", title: "90 d", ms: 90 * 86_400_000 },
  { key: "1y", title: "1 y", ms: 365 * 86_400_000 },
] as const;

export type Preset = (typeof PRESETS)[number]["key"];

/** A value that can be looked back at; its key is the server's name for it. */
export interface Field extends Quantity {
  /** The custom property with its colour. */
  color: "voltage" | "current" | "power" | "soc" | "temperature" | "solar" | "load" | "grid-power";
}

export const FIELDS: readonly Field[] = [
  { key: "battery.soc", title: "State of charge", unit: "%", digits: 1, floor: 4, limits: [0, 100], color: "soc" },
  { key: "battery.power", title: "Power", unit: "W", digits: 0, floor: 20, signed: true, color: "power" },
  { key: "battery.voltage", title: "Voltage", unit: "V", digits: 2, floor: 0.4, color: "voltage" },
  { key: "battery.current", title: "Current", unit: "A", digits: 2, floor: 2, signed: true, color: "current" },
  { key: "battery.temperature", title: "Battery temperature", unit: "°C", digits: 1, floor: 4, color: "temperature" },
  { key: "solar.power", title: "Solar", unit: "W", digits: 0, floor: 20, color: "solar" },
  { key: "load.power", title: "Load", unit: "W", digits: 0, floor: 20, color: "load" },
  { key: "grid.power", title: "Grid", unit: "W", digits: 0, floor: 20, signed: true, color: "grid-power" },
  { key: "system_status.cpu_temperature", title: "Processor temperature", unit: "°C", digits: 1, floor: 4, color: "temperature" },
  { key: "system_status.wifi_strength", title: "Wi-Fi signal", unit: "dBm", digits: 0, floor: 10, color: "voltage" },
];

const DEFAULT_FIELDS = ["battery.soc", "battery.power", "battery.voltage"];
const DEFAULT_PRESET: Preset = "24h";
const MIN_SPAN_MS = 60_000;
const MAX_SPAN_MS = 366 * 86_400_000;

/** Everything that a link to a view restores. */
export interface View {
  /** Counted from now, or fixed. */
  span: Preset | { fromMs: number; toMs: number };
  /** Keys of {@link FIELDS}, in their order. */
  fields: string[];
  /** The device beside this one. */
  compare: string | null;
}

/** The view of an address's query; what cannot be read is as it is without it. */
export function parseView(search: string): View {
  const query = new URLSearchParams(search);
  const asked = (query.get("fields") ?? "").split(",");
  const fields = FIELDS.map(({ key }) => key).filter((key) => asked.includes(key));
  const compare = query.get("with") ?? "";
  return {
    span: fixedSpan(query) ?? PRESETS.find(({ key }) => key === query.get("span"))?.key ?? DEFAULT_PRESET,
    fields: fields.length > 0 ? fields : DEFAULT_FIELDS,
    compare: /^[a-z0-9][a-z0-9_-]{0,62}$/.test(compare) ? compare : null,
  };
}

/** The query of a view; short where it is the usual one. */
export function formatView({ span, fields, compare }: View): string {
  const query = new URLSearchParams();
  if (typeof span === "string") query.set("span", span);
  else {
    query.set("from", new Date(span.fromMs).toISOString());
    query.set("to", new Date(span.toMs).toISOString());
  }
  if (fields.join() !== DEFAULT_FIELDS.join()) query.set("fields", fields.join(","));
  if (compare !== null) query.set("with", compare);
  // A comma may stand in a query, and reads better.
  return `?${query.toString().replaceAll("%2C", ",")}`;
}

/** The span in time, at `nowMs`. */
export function boundsOf(span: View["span"], nowMs: number): { fromMs: number; toMs: number } {
  if (typeof span !== "string") return span;
  const ms = PRESETS.find(({ key }) => key === span)?.ms ?? 0;
  return { fromMs: nowMs - ms, toMs: nowMs };
}

/** A span narrowed to what can be shown: a minute to a year, not in the future. */
export function clampSpan({ fromMs, toMs }: { fromMs: number; toMs: number }, nowMs: number) {
  const length = Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, toMs - fromMs));
  const middle = (fromMs + toMs) / 2;
  const end = Math.min(nowMs, middle + length / 2);
  return { fromMs: Math.round(end - length), toMs: Math.round(end) };
}

/** The span after a step: `by` of its own length to the right, its length times `zoom`. */
export function moved({ fromMs, toMs }: { fromMs: number; toMs: number }, by: number, zoom: number, nowMs: number) {
  const length = toMs - fromMs;
  const middle = (fromMs + toMs) / 2 + by * length;
  return clampSpan({ fromMs: middle - (length * zoom) / 2, toMs: middle + (length * zoom) / 2 }, nowMs);
}

function fixedSpan(query: URLSearchParams): { fromMs: number; toMs: number } | null {
  const [fromMs, toMs] = [Date.parse(query.get("from") ?? ""), Date.parse(query.get("to") ?? "")];
  const sound = toMs > fromMs && toMs - fromMs <= MAX_SPAN_MS + 86_400_000;
  return sound ? { fromMs, toMs } : null;
}
