import { useEffect, useLayoutEffect, useRef } from "react";
import uPlot from "uplot";
import { stripOptions, type Strip } from "./stripOptions";
import type { ChartTheme } from "./useChartTheme";

interface StripChartProps {
  strip: Strip;
  data: uPlot.AlignedData;
  /** The span of the time axis, Unix time, s. */
  span: readonly [number, number];
  theme: ChartTheme;
  /** Whether the time axis is written out below. */
  withTimes: boolean;
  /** Where the shared cursor is: seconds before the end of the span. */
  cursorAgo: number | null;
  onCursor: (ago: number | null) => void;
  /** What the curve shows, in words. */
  label: string;
}

/** One curve over time, drawn by uPlot; it keeps the size of its box. */
export function StripChart({ strip, data, span, theme, withTimes, cursorAgo, onCursor, label }: StripChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // uPlot asks for these while it draws, long after the render that brought them.
  const current = useRef({ data, span, onCursor });
  useLayoutEffect(() => {
    current.current = { data, span, onCursor };
  });

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const options = stripOptions(strip, theme, withTimes, {
      span: () => current.current.span,
      onCursor: (ago) => current.current.onCursor(ago),
    });
    const chart = new uPlot({ ...options, ...sizeOf(element) }, current.current.data, element);
    plot.current = chart;
    const resized = new ResizeObserver(() => chart.setSize(sizeOf(element)));
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [strip, theme, withTimes]);

  useEffect(() => plot.current?.setData(data), [data]);

  useEffect(() => {
    const chart = plot.current;
    if (chart === null) return;
    const left = cursorAgo === null ? -10 : chart.valToPos(span[1] - cursorAgo, "x");
    chart.setCursor({ left, top: cursorAgo === null ? -10 : 1 }, false);
  }, [cursorAgo, span]);

  return <div ref={box} className={`strip-plot ${withTimes ? "with-times" : ""}`} role="img" aria-label={label} />;
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: element.clientWidth, height: element.clientHeight };
}
