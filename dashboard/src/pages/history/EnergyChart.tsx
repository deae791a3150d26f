import { useEffect, useLayoutEffect, useRef } from "react";
import uPlot from "uplot";
import { mountPlot, timeAxis, valueAxis } from "../../charts/plot";
import type { EnergyBar } from "./tables";
import { energyText } from "./tables";
import { timeLabels } from "./timeAxis";
import type { HistoryTheme } from "./useHistoryTheme";

interface EnergyChartProps {
  /** Of one device, or of two beside each other. */
  bars: readonly (readonly EnergyBar[])[];
  period: "day" | "month";
  theme: HistoryTheme;
  label: string;
}

/** Energy in above the line, energy out below it; a bar a day or a month, the second device's bars lighter. */
export function EnergyChart({ bars, period, theme, label }: EnergyChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const devices = bars.length;
  const data = useRef<uPlot.AlignedData>([[]]);

  useLayoutEffect(() => {
    data.current = toTable(bars);
    plot.current?.setData(data.current);
  }, [bars]);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    // Of a single bar uPlot would make a span of its own.
    const span = () => {
      const starts = data.current[0];
      const half = (period === "day" ? DAY_S : 30 * DAY_S) / 2;
      return [(starts[0] ?? 0) - half, (starts[starts.length - 1] ?? 0) + half] as [number, number];
    };
    const { chart, stop } = mountPlot(element, optionsOf(devices, period, theme, span), data.current);
    plot.current = chart;
    return () => {
      stop();
      plot.current = null;
    };
  }, [devices, period, theme]);

  return <div ref={box} className="plot history-plot" role="img" aria-label={label} />;
}

/** Periods by their number rather than by time: every bar is as wide, and daylight saving moves none. */
function toTable(bars: readonly (readonly EnergyBar[])[]): uPlot.AlignedData {
  const starts = [...new Set(bars.flatMap((device) => device.map(({ startMs }) => startMs)))].toSorted((a, b) => a - b);
  const columns = bars.flatMap((device) => {
    const byStart = new Map(device.map((bar) => [bar.startMs, bar]));
    return [
      starts.map((start) => byStart.get(start)?.inWh ?? null),
      starts.map((start) => (byStart.has(start) ? -(byStart.get(start)?.outWh ?? 0) : null)),
    ];
  });
  return [starts.map((ms) => ms / 1_000), ...columns];
}

const DAY_S = 86_400;

function optionsOf(
  devices: number,
  period: "day" | "month",
  theme: HistoryTheme,
  span: () => [number, number],
): Omit<uPlot.Options, "width" | "height"> {
  const path = (device: number) =>
    uPlot.paths.bars?.({
      size: devices === 1 ? [0.7, 48] : [0.38, 30],
      ...(devices > 1 && { align: device === 0 ? (-1 as const) : (1 as const) }),
    });
  const bar = (device: number, color: string): uPlot.Series => {
    const paths = path(device);
    return {
      stroke: color,
      width: device === 0 ? 0 : 1,
      fill: device === 0 ? color : `${color}55`,
      points: { show: false },
      ...(paths !== undefined && { paths }),
    };
  };
  return {
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true, range: span },
      y: { range: (_, min, max) => yRange(min, max) },
    },
    series: [
      {},
      ...Array.from({ length: devices }, (_, device) => [bar(device, theme.energyIn), bar(device, theme.energyOut)]).flat(),
    ],
    axes: [
      timeAxis(theme, {
        size: 26,
        space: 64,
        incrs: period === "day" ? [1, 2, 7, 14, 28, 91].map((days) => days * DAY_S) : [31 * DAY_S, 92 * DAY_S],
        grid: { show: false },
        // Of days, weeks or quarters alike the date is told: months begin between the marks.
        values: (_, times) => timeLabels(times, period === "month" ? 31 * DAY_S : DAY_S),
      }),
      valueAxis(theme, { size: 68, space: 28, values: (_, values) => values.map((value) => energyText(Math.abs(value))) }),
    ],
  };
}

function yRange(min: number | null, max: number | null): [number, number] {
  const [low, high] = [Math.min(min ?? 0, 0), Math.max(max ?? 0, 0)];
  const air = 0.06 * Math.max(high - low, 10);
  return [low === 0 ? 0 : low - air, high === 0 ? 0 : high + air];
}
