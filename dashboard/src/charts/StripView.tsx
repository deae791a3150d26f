import { memo, useMemo, useSyncExternalStore } from "react";
import { decimal, signed, UNKNOWN } from "../format";
import { extent, nearest, type Columns } from "./columns";
import type { Curve } from "./curves";
import { StripChart } from "./StripChart";
import type { Timeline } from "./timeline";
import type { ChartTheme } from "./useChartTheme";

interface StripViewProps {
  curve: Curve;
  columns: Columns;
  timeline: Timeline;
  /** A sample this far from the cursor is the one it points at, s. */
  reach: number;
  theme: ChartTheme;
  withTimes: boolean;
  onSelect: (from: number, to: number) => void;
}

/** A curve with its name, the value under the cursor or the newest one, and its range. */
export const StripView = memo(function StripView({ curve, columns, timeline, reach, ...rest }: StripViewProps) {
  const { key, title, unit, color } = curve;
  const column = useMemo(() => columns.values.get(key) ?? [], [columns, key]);
  const range = extent(column, columns.times, timeline.span());
  const at = useSyncExternalStore(timeline.onCursor, timeline.cursorAt);
  const index = at === null ? column.length - 1 : nearest(columns.times, at, reach);
  const value = index === null ? null : column[index];
  const words = range === null ? "no values" : `from ${show(curve, range.min)} to ${show(curve, range.max)} ${unit} in this span`;
  return (
    <div className="strip">
      <p className={`strip-head accent-${color}`}>
        <span className="strip-title marked">{title}</span>
        <span className="strip-value">
          <span className="number">{value === null || value === undefined ? UNKNOWN : show(curve, value)}</span>
          <span className="unit">{unit}</span>
        </span>
        <span className="strip-range">{range === null ? "no reading in this span" : `${show(curve, range.min)} … ${show(curve, range.max)}`}</span>
      </p>
      <StripChart curve={curve} columns={columns} timeline={timeline} label={`${title}: ${words}`} {...rest} />
    </div>
  );
});

function show(curve: Curve, value: number): string {
  return (curve.signed === true ? signed : decimal)(value, curve.digits);
}
