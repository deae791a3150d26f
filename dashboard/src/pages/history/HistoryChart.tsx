import { useEffect, useLayoutEffect, useRef, type RefObject } from "react";
import type uPlot from "uplot";
import { axisNumbers, mountPlot, timeAxis, valueAxis } from "../../charts/plot";
import { valueRange } from "../../charts/quantity";
import type { HistoryTheme } from "./useHistoryTheme";
import type { Table } from "./tables";
import { timeLabels } from "./timeAxis";
import type { Field } from "./view";

interface HistoryChartProps {
  field: Field;
  table: Table;
  /** Unix s. */
  span: readonly [number, number];
  theme: HistoryTheme;
  /** Times of events, Unix s: each a thin line. */
  marks: readonly number[];
  /** Where the shared cursor is, Unix s. */
  cursor: number | null;
  onCursor: (seconds: number | null) => void;
  /** A part was dragged over, Unix s. */
  onSelect: (from: number, to: number) => void;
  onZoomOut: () => void;
  label: string;
}

/** A value over a span: the band from its smallest to its largest, and the mean as a line. Of two devices, both. */
export function HistoryChart(props: HistoryChartProps) {
  const { field, table, span, theme, marks, cursor, label } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // uPlot asks for these while it draws, long after the render that brought them.
  const current = useRef(props);
  const drawn = useRef(marks);
  useLayoutEffect(() => {
    current.current = props;
  });

  const devices = (table.length - 1) / 3;
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const options = optionsOf(field, theme, devices, () => current.current, drawn);
    const { chart, stop } = mountPlot(element, options, current.current.table);
    plot.current = chart;
    return () => {
      stop();
      plot.current = null;
    };
  }, [field, theme, devices]);

  useEffect(() => {
    // A span without length has no scale.
    if (span[1] > span[0]) plot.current?.setData(table);
  }, [table, span]);
  useEffect(() => {
    drawn.current = marks;
    plot.current?.redraw(false);
  }, [marks]);
  useEffect(() => {
    const chart = plot.current;
    if (chart === null) return;
    const inside = cursor !== null && cursor >= span[0] && cursor <= span[1];
    chart.setCursor({ left: inside ? chart.valToPos(cursor, "x") : -10, top: inside ? 1 : -10 }, false);
  }, [cursor, span]);

  return <div ref={box} className="plot history-plot" role="img" aria-label={label} />;
}

function optionsOf(
  field: Field,
  theme: HistoryTheme,
  devices: number,
  props: () => HistoryChartProps,
  marks: RefObject<readonly number[]>,
): Omit<uPlot.Options, "width" | "height"> {
  const colors = [theme[field.color], theme.compare];
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  return {
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 5 },
      points: { size: (_, series) => (series % 3 === 0 ? 7 : 0), stroke: (_, i) => colors[i / 3 - 1] ?? "", fill: (_, i) => colors[i / 3 - 1] ?? "" },
      bind: {
        dblclick: () => () => {
          props().onZoomOut();
          return null;
        },
      },
    },
    scales: {
      x: { time: true, range: () => [...props().span] },
      y: { range: (_, min, max) => yRange(field, min, max) },
    },
    series: [
      {},
      ...Array.from({ length: devices }, (_, device) => [
        edge,
        edge,
        {
          stroke: colors[device] ?? "",
          width: 1.6,
          // A lonely bucket between two gaps is still seen.
          points: { show: false },
          ...(device > 0 && { dash: [6, 3] }),
        },
      ]).flat(),
    ],
    bands: Array.from({ length: devices }, (_, device) => ({
      series: [3 * device + 1, 3 * device + 2] as [number, number],
      fill: `${colors[device] ?? ""}${device === 0 ? "33" : "22"}`,
    })),
    axes: [
      timeAxis(theme, { size: 26, space: 76, values: (_, times, __, ___, increment) => timeLabels(times, increment) }),
      valueAxis(theme, { size: 56, space: 28, values: (_, values, __, ___, step) => axisNumbers(values, step) }),
    ],
    hooks: {
      draw: [(chart) => drawMarks(chart, marks.current, theme)],
      setCursor: [
        (chart) => {
          const { left } = chart.cursor;
          const outside = left === undefined || left === null || left < 0;
          props().onCursor(outside ? null : chart.posToVal(left, "x"));
        },
      ],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width < 5) return;
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          props().onSelect(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
        },
      ],
    },
  };
}

function drawMarks(chart: uPlot, marks: readonly number[], theme: HistoryTheme): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = theme.mark;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const seconds of marks) {
    const x = Math.round(chart.valToPos(seconds, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function yRange(field: Field, min: number | null, max: number | null): [number, number] {
  // Over a long time a small change matters less than the whole.
  return valueRange(field, min, max, Math.max(field.floor, ((max ?? 0) - (min ?? 0)) / 8));
}
