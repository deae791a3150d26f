import { useEffect, useLayoutEffect, useRef } from "react";
import type uPlot from "uplot";
import type { Columns } from "./columns";
import type { Curve } from "./curves";
import { PaintQueue } from "./paintQueue";
import { mountPlot } from "./plot";
import { stripData, stripOptions } from "./stripOptions";
import type { Timeline } from "./timeline";
import type { ChartTheme } from "./useChartTheme";

interface StripChartProps {
  curve: Curve;
  columns: Columns;
  timeline: Timeline;
  theme: ChartTheme;
  /** Whether the time axis is written out below. */
  withTimes: boolean;
  /** A span was marked, Unix s. */
  onSelect: (from: number, to: number) => void;
  /** What the curve shows, in words. */
  label: string;
}

/** All charts of the page take turns. */
const QUEUE = new PaintQueue();

/** One curve over time, drawn by uPlot. It keeps the size of its box, and is painted only while that is in sight. */
export function StripChart({ curve, columns, timeline, theme, withTimes, onSelect, label }: StripChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const repaint = useRef<(() => void) | null>(null);
  // uPlot asks for these while it draws, long after the render that brought them.
  const current = useRef({ columns, onSelect });
  useLayoutEffect(() => {
    current.current = { columns, onSelect };
    repaint.current?.();
  });

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    let drawn: Columns | null = null;
    let inSight = false;
    let moving = false;
    const options = stripOptions(curve, theme, withTimes, {
      onPoint: (chart, left) => {
        // What the shared cursor moved here is not somebody's pointing.
        if (moving) return;
        timeline.point(left === null ? null : timeline.span()[1] - chart.posToVal(left, "x"));
      },
      onSelect: (from, to) => current.current.onSelect(from, to),
    });
    const { chart, stop } = mountPlot(element, options, stripData(curve, current.current.columns));
    const showCursor = () => {
      const { cursorAgo } = timeline;
      const left = cursorAgo === null ? -10 : chart.valToPos(timeline.span()[1] - cursorAgo, "x");
      moving = true;
      chart.setCursor({ left, top: cursorAgo === null ? -10 : 1 });
      moving = false;
    };
    const paint = () => {
      if (drawn !== current.current.columns) {
        drawn = current.current.columns;
        chart.setData(stripData(curve, drawn), false);
      }
      const [min, max] = timeline.span();
      chart.setScale("x", { min, max });
      moves.painted();
    };
    const request = () => {
      if (inSight) QUEUE.request(paint);
    };
    const moves = timeline.onMove(request, element.clientWidth);
    repaint.current = request;
    paint();
    const seen = new IntersectionObserver(
      ([entry]) => {
        inSight = entry?.isIntersecting === true;
        request();
      },
      // Painted already when it is scrolled into sight.
      { rootMargin: "300px" },
    );
    seen.observe(element);
    const stopCursor = timeline.onCursor(showCursor);
    const stopTouch = readByTouch(chart, timeline);
    return () => {
      repaint.current = null;
      QUEUE.cancel(paint);
      seen.disconnect();
      moves.stop();
      stopCursor();
      stopTouch();
      stop();
    };
  }, [curve, theme, withTimes, timeline]);

  return <div ref={box} className={`plot strip-plot ${withTimes ? "with-times" : ""}`} role="img" aria-label={label} />;
}

/** A finger that moves sideways reads the curves; up and down it scrolls the page, as everywhere. */
function readByTouch(chart: uPlot, timeline: Timeline): () => void {
  const point = (event: PointerEvent) => {
    if (event.pointerType !== "touch") return;
    const left = event.clientX - chart.over.getBoundingClientRect().left;
    timeline.point(timeline.span()[1] - chart.posToVal(left, "x"));
  };
  chart.over.addEventListener("pointerdown", point);
  chart.over.addEventListener("pointermove", point);
  return () => {
    chart.over.removeEventListener("pointerdown", point);
    chart.over.removeEventListener("pointermove", point);
  };
}
