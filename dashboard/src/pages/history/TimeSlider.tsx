import type { History } from "../../api/history";
import { nearest } from "../../charts/columns";
import { decimal } from "../../format";
import { stampWords } from "../shared/Stamp";
import { FIELDS } from "./view";

interface TimeSliderProps {
  histories: readonly History[];
  fields: readonly string[];
  /** Unix s. */
  span: readonly [number, number];
  cursor: number | null;
  onCursor: (seconds: number | null) => void;
}

const STEPS = 200;

/** The cursor for the keyboard, for fingers and for screen readers: a slider along the time axis. */
export function TimeSlider({ histories, fields, span: [from, to], cursor, onCursor }: TimeSliderProps) {
  const at = cursor ?? to;
  const texts = histories.flatMap((history) => {
    const half = history.stepMs / 2_000;
    const row = nearest(history.at.map((ms) => ms / 1_000 + half), at, half * 1.01);
    return FIELDS.filter(({ key }) => fields.includes(key)).map(({ key, title, unit, digits }) => {
      const value = row === null ? null : (history.series.get(key)?.mean[row] ?? null);
      const whose = histories.length > 1 ? `${history.deviceId} ` : "";
      return `${whose}${title} ${value === null ? "unknown" : `${decimal(value, digits)} ${unit}`}`;
    });
  });
  return (
    <div className="time-slider">
      <input
        type="range"
        min={from}
        max={to}
        step={(to - from) / STEPS}
        value={at}
        aria-label="Read the curves at a time"
        aria-valuetext={`${stampWords(at * 1_000)}: ${texts.join(", ")}`}
        onChange={(event) => onCursor(Number(event.target.value))}
        onBlur={() => onCursor(null)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onCursor(null);
        }}
      />
      <output className="number">{cursor === null ? "" : stampWords(at * 1_000)}</output>
    </div>
  );
}
