import type { Column, History } from "../../api/history";

const SOC = "battery.soc";
/** The ends of the interval that holds the true state of charge in 95 %. */
const ENDS = { low: "battery.soc_low", high: "battery.soc_high" } as const;

/** The fields to ask for, to show these. */
export function withEnds(fields: readonly string[]): string[] {
  return fields.includes(SOC) ? [...fields, ENDS.low, ENDS.high] : [...fields];
}

/**
 * The band around a state of charge is all that it may have been, not only what the estimate was: an estimate that
 * hardly moves may know little. Where a device tells no interval, the band stays what the estimate was.
 */
export function withInterval(history: History): History {
  const series = new Map(history.series);
  const [soc, low, high] = [series.get(SOC), series.get(ENDS.low), series.get(ENDS.high)];
  if (soc === undefined) return history;
  series.set(SOC, { ...soc, min: firstOf(low?.min, soc.min), max: firstOf(high?.max, soc.max) });
  return { ...history, series };
}

function firstOf(wanted: Column | undefined, other: Column): Column {
  return other.map((value, row) => wanted?.[row] ?? value);
}
