import { useMemo, useState } from "react";
import { age, clockTime, decimal, moment, signed, UNKNOWN } from "../format";
import { usualIntervalMs, within, type LiveDevice, type LiveSnapshot } from "../telemetry";
import { extent, nearest, toChartData, type ChartData } from "./chartData";
import { StripChart } from "./StripChart";
import { stripData, STRIPS, type Strip } from "./stripOptions";
import { useChartTheme, type ChartTheme } from "./useChartTheme";

/** The curves of the last minutes under one cursor. */
export function LiveCharts({ live, snapshot }: { live: LiveDevice; snapshot: LiveSnapshot }) {
  const theme = useChartTheme();
  const [cursorAgo, setCursorAgo] = useState<number | null>(null);
  const { fromMs, toMs } = wholeSeconds(live.window());
  const { points, history } = snapshot;
  const intervalMs = useMemo(() => usualIntervalMs(points), [points]);
  const data = useMemo(() => {
    return toChartData(within(points, { fromMs, toMs }), intervalMs);
  }, [points, intervalMs, fromMs, toMs]);
  const span = useMemo(() => [fromMs / 1_000, toMs / 1_000] as const, [fromMs, toMs]);

  const cursorSeconds = cursorAgo === null ? null : span[1] - cursorAgo;
  const reach = (2 * (intervalMs ?? 1_000)) / 1_000;
  const index = cursorSeconds === null ? null : nearest(data.times, cursorSeconds, reach);
  const empty = data.times.length === 0;
  const ended = live.clock.now() - toMs > 2_000;
  return (
    <section className="card charts" data-testid="live-chart" aria-label="Curves">
      <header className="charts-head">
        <h2 className="card-title">
          {ended ? `15 minutes until ${moment(toMs, live.clock.now())}` : "Last 15 minutes"}
        </h2>
        <p className="charts-time">{cursorSeconds === null ? "" : clockTime(cursorSeconds * 1_000)}</p>
      </header>
      {empty && <p className="charts-message">{emptyMessage(history, live)}</p>}
      {!empty &&
        STRIPS.map((strip, i) => (
          <StripView
            key={strip.key}
            strip={strip}
            data={data}
            index={index}
            reading={cursorAgo !== null}
            {...{ span, theme, cursorAgo }}
            onCursor={setCursorAgo}
            withTimes={i === STRIPS.length - 1}
          />
        ))}
      {!empty && <CursorSlider data={data} index={index} span={span} cursorAgo={cursorAgo} onCursor={setCursorAgo} />}
      {!empty && history === "failed" && (
        <p className="charts-warning" role="status">
          The history cannot be read at present; the curves begin where this page opened. Trying again.
        </p>
      )}
    </section>
  );
}

interface StripViewProps {
  strip: Strip;
  data: ChartData;
  span: readonly [number, number];
  theme: ChartTheme;
  index: number | null;
  /** The cursor is on the charts: show what it points at, not the newest value. */
  reading: boolean;
  withTimes: boolean;
  cursorAgo: number | null;
  onCursor: (ago: number | null) => void;
}

function StripView({ strip, data, index, reading, ...rest }: StripViewProps) {
  const columns = useMemo(() => stripData(strip, data), [strip, data]);
  const column = data[strip.key];
  const range = useMemo(() => extent(column), [column]);
  const value = reading ? (index === null ? null : column[index]) : column.at(-1);
  const show = (number: number) => (strip.key === "current" ? signed : decimal)(number, strip.digits);
  const words =
    range === null ? "no values" : `from ${show(range.min)} to ${show(range.max)} ${strip.unit} in this span`;
  return (
    <div className="strip">
      <p className={`strip-head accent-${strip.key}`}>
        <span className="strip-title">{strip.title}</span>
        <span className="strip-value">
          <span className="number">{value === null || value === undefined ? UNKNOWN : show(value)}</span>
          <span className="unit">{strip.unit}</span>
        </span>
        <span className="strip-range">{range === null ? "" : `${show(range.min)} … ${show(range.max)}`}</span>
      </p>
      <StripChart strip={strip} data={columns} label={`${strip.title}: ${words}`} {...rest} />
    </div>
  );
}

/** The cursor for the keyboard and for screen readers: a slider over the time axis. */
function CursorSlider({
  data,
  index,
  span: [from, to],
  cursorAgo,
  onCursor,
}: Pick<StripViewProps, "data" | "index" | "span" | "cursorAgo" | "onCursor">) {
  const texts = STRIPS.map(({ key, title, unit, digits }) => {
    const value = index === null ? null : data[key][index];
    return `${title} ${value === null || value === undefined ? "unknown" : `${decimal(value, digits)} ${unit}`}`;
  });
  const seconds = to - (cursorAgo ?? 0);
  return (
    <input
      className="cursor-slider"
      type="range"
      min={from - to}
      max={0}
      step={1}
      value={-(cursorAgo ?? 0)}
      aria-label="Read the curves at a time"
      aria-valuetext={`${clockTime(seconds * 1_000)}: ${texts.join(", ")}`}
      onChange={(event) => onCursor(-Number(event.target.value))}
      onBlur={() => onCursor(null)}
      onKeyDown={(event) => {
        if (event.key === "Escape") onCursor(null);
      }}
    />
  );
}

function emptyMessage(history: LiveSnapshot["history"], live: LiveDevice): string {
  if (history === "loading") return "Loading the last 15 minutes…";
  if (history === "failed") return "The history cannot be read at present. Trying again.";
  const seenMs = Date.parse(live.getSnapshot().device?.last_seen ?? "");
  if (Number.isNaN(seenMs)) return "This device has not sent anything yet.";
  return `No sample in this span. The device was last heard of ${age(live.clock.now() - seenMs)} ago.`;
}

/** The window in whole seconds, so that it moves, and the curves are drawn, once a second. */
function wholeSeconds({ fromMs, toMs }: { fromMs: number; toMs: number }) {
  const endMs = Math.ceil(toMs / 1_000) * 1_000;
  return { fromMs: endMs - (toMs - fromMs), toMs: endMs };
}
