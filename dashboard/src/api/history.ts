import { request } from "../api";
import { isObject } from "../telemetry";
import { devicePath, text, time, unknownForm, withQuery, type Json } from "./read";

export type Column = (number | null)[];

/** What a value was over each bucket of time; `null` where there was none. */
export interface Series {
  min: Column;
  mean: Column;
  max: Column;
}

/** A stretch of a device's past in buckets. A bucket without samples is absent: a gap. */
export interface History {
  deviceId: string;
  fromMs: number;
  toMs: number;
  stepMs: number;
  /** What it was made from: raw samples or a roll-up. */
  source: string;
  /** Start of each bucket, Unix ms, ascending. */
  at: number[];
  /** By field, such as `battery.voltage`. */
  series: ReadonlyMap<string, Series>;
  /** Wh charged and discharged in each bucket, both ≥ 0; empty if not told. */
  energy: { inWh: Column; outWh: Column };
}

interface HistoryQuery {
  fromMs: number;
  toMs: number;
  fields: readonly string[];
  /** At most so many buckets; or buckets of a given size. */
  width?: number;
  step?: string;
}

/** A year of a busy device over a slow line takes its time. */
const TIMEOUT_MS = 30_000;

export async function fetchHistory(
  deviceId: string,
  { fromMs, toMs, fields, width, step }: HistoryQuery,
  signal: AbortSignal,
): Promise<History> {
  const query = { from: iso(fromMs), to: iso(toMs), width, step, fields: fields.join(",") };
  return toHistory(await request("GET", withQuery(devicePath(deviceId, "/history"), query), { signal, timeoutMs: TIMEOUT_MS }));
}

/** Where the samples of a span can be downloaded: raw, or in buckets of `step` (seconds, `minute`, `hour`, `day`). */
export function exportPath(
  deviceId: string,
  format: "csv" | "ndjson",
  { fromMs, toMs, step }: { fromMs: number; toMs: number; step?: string },
): string {
  return withQuery(devicePath(deviceId, `/telemetry.${format}`), { from: iso(fromMs), to: iso(toMs), step });
}

/** Throws `ApiError` for what is no history. */
export function toHistory(body: unknown): History {
  if (!isObject(body)) throw unknownForm();
  const { device_id, step_ms: stepMs, at, series } = body;
  const [fromMs, toMs] = [time(body["from"]), time(body["to"])];
  const sound =
    typeof device_id === "string" &&
    typeof stepMs === "number" &&
    stepMs > 0 &&
    fromMs !== null &&
    toMs !== null &&
    Array.isArray(at) &&
    at.every((ms) => typeof ms === "number") &&
    isObject(series);
  if (!sound) throw unknownForm();
  const energy = isObject(body["energy"]) ? body["energy"] : {};
  const rows = at.length;
  return {
    deviceId: device_id,
    fromMs,
    toMs,
    stepMs,
    source: text(body["source"]) ?? "",
    at,
    series: new Map(
      Object.entries(series).flatMap(([field, value]) => (isObject(value) ? [[field, toSeries(value, rows)]] : [])),
    ),
    energy: { inWh: column(energy["in_wh"], rows), outWh: column(energy["out_wh"], rows) },
  };
}

function toSeries(json: Json, rows: number): Series {
  return { min: column(json["min"], rows), mean: column(json["mean"], rows), max: column(json["max"], rows) };
}

/** Always as long as the times are, whatever came. */
function column(value: unknown, rows: number): Column {
  const cells: unknown[] = Array.isArray(value) ? value : [];
  return Array.from({ length: rows }, (_, row) => {
    const cell = cells[row];
    return typeof cell === "number" && Number.isFinite(cell) ? cell : null;
  });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
