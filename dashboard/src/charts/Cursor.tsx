import { useSyncExternalStore } from "react";
import { clockTime, decimal } from "../format";
import { nearest, type Columns } from "./columns";
import type { Curve } from "./curves";
import type { Timeline } from "./timeline";

/** The time that the cursor is at. */
export function CursorTime({ timeline }: { timeline: Timeline }) {
  const at = useSyncExternalStore(timeline.onCursor, timeline.cursorAt);
  return <p className="charts-time">{at === null ? "" : clockTime(at * 1_000)}</p>;
}

interface CursorSliderProps {
  columns: Columns;
  curves: readonly Curve[];
  timeline: Timeline;
  /** A sample this far from the cursor is the one it points at, s. */
  reach: number;
}

/** The cursor for the keyboard and for screen readers: a slider over the time axis. */
export function CursorSlider({ columns: { times, values }, curves, timeline, reach }: CursorSliderProps) {
  const at = useSyncExternalStore(timeline.onCursor, timeline.cursorAt);
  const [from, to] = timeline.span();
  const index = nearest(times, at ?? to, reach);
  const texts = curves.map(({ key, title, unit, digits }) => {
    const value = index === null ? null : values.get(key)?.[index];
    return `${title} ${value === null || value === undefined ? "unknown" : `${decimal(value, digits)} ${unit}`}`;
  });
  const length = Math.round(to - from);
  const ago = Math.round(timeline.cursorAgo ?? 0);
  return (
    <input
      className="cursor-slider"
      type="range"
      min={-length}
      max={0}
      step={Math.max(1, Math.round(length / 300))}
      value={-ago}
      aria-label="Read the curves at a time"
      aria-valuetext={`${clockTime((at ?? to) * 1_000)}: ${texts.join(", ")}`}
      onChange={(event) => timeline.point(-Number(event.target.value))}
      onBlur={() => timeline.point(null)}
      onKeyDown={(event) => {
        if (event.key === "Escape") timeline.point(null);
      }}
    />
  );
}
