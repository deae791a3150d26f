import uPlot from "uplot";
import type { Column, History } from "../../api/history";

/** The columns of one panel: times (Unix s), then max, min and mean of each device. */
export type Table = uPlot.AlignedData;

/** The columns of a field for uPlot. Where buckets are missing, an empty row breaks the curve. */
export function fieldTable(histories: readonly History[], field: string): Table {
  const tables = histories.map((history) => {
    const series = history.series.get(field);
    const empty: Column = history.at.map(() => null);
    return withGaps(history, [series?.max ?? empty, series?.min ?? empty, series?.mean ?? empty]);
  });
  // Of one device alone nothing has to be aligned.
  return tables.length === 1 ? (tables[0] ?? [[]]) : uPlot.join(tables);
}

/** Each bucket at its middle, and an empty row wherever the next one is not its neighbour. */
export function withGaps({ at, stepMs }: Pick<History, "at" | "stepMs">, columns: readonly Column[]): Table {
  const times: number[] = [];
  const rows: Column[] = columns.map(() => []);
  at.forEach((startMs, row) => {
    const before = at[row - 1];
    if (before !== undefined && startMs - before > 1.5 * stepMs) {
      times.push((before + stepMs * 1.5) / 1_000);
      for (const column of rows) column.push(null);
    }
    times.push((startMs + stepMs / 2) / 1_000);
    columns.forEach((column, i) => rows[i]?.push(column[row] ?? null));
  });
  return [times, ...rows];
}

/** Energy of one local day or month, Wh. */
export interface EnergyBar {
  /** Its local beginning, Unix ms. */
  startMs: number;
  inWh: number;
  outWh: number;
}

/** Sums the energy of buckets (an hour or less) by local days or months; periods without any bucket are left out. */
export function energyBars({ at, energy }: Pick<History, "at" | "energy">, period: "day" | "month"): EnergyBar[] {
  const bars = new Map<number, EnergyBar>();
  at.forEach((ms, row) => {
    const start = new Date(ms);
    start.setHours(0, 0, 0, 0);
    if (period === "month") start.setDate(1);
    const startMs = start.getTime();
    const bar = bars.get(startMs) ?? { startMs, inWh: 0, outWh: 0 };
    bar.inWh += energy.inWh[row] ?? 0;
    bar.outWh += energy.outWh[row] ?? 0;
    bars.set(startMs, bar);
  });
  return [...bars.values()].toSorted((a, b) => a.startMs - b.startMs);
}

/** Wh with the unit that keeps it short. */
export function energyText(wh: number): string {
  if (wh < 999.5) return `${Math.round(wh)} Wh`;
  return wh < 999_500 ? `${(wh / 1_000).toFixed(wh < 99_500 ? 2 : 1)} kWh` : `${(wh / 1e6).toFixed(2)} MWh`;
}
