import { useEffect, useMemo, useState } from "react";
import { age, moment } from "../format";
import { usualIntervalMs, type LiveDevice, type LiveSnapshot, type Point } from "../telemetry";
import { ChartToolbar } from "./ChartToolbar";
import { toColumns } from "./columns";
import { CursorSlider, CursorTime } from "./Cursor";
import { CurveChooser } from "./CurveChooser";
import { StripView } from "./StripView";
import { Timeline } from "./timeline";
import { useChartTheme } from "./useChartTheme";
import { useChartView } from "./useChartView";

/** The curves as they were when somebody stopped them. */
interface Held {
  points: readonly Point[];
  /** Unix s. */
  span: readonly [number, number];
}

/** The curves of the last minutes under one cursor: they move along, stand still, or show a part that was marked. */
export function LiveCharts({ live, snapshot }: { live: LiveDevice; snapshot: LiveSnapshot }) {
  const theme = useChartTheme();
  const { windowS, setWindow, curves, setCurves } = useChartView();
  const [held, setHeld] = useState<Held | null>(null);
  // The page makes a new one for another device.
  const [timeline] = useState(() => new Timeline((seconds) => live.window(seconds * 1_000).toMs / 1_000, windowS));
  useEffect(() => {
    live.reach(windowS * 1_000);
    if (held === null) timeline.follow(windowS);
    else timeline.hold(held.span);
  }, [live, timeline, windowS, held]);

  const points = held?.points ?? snapshot.points;
  const intervalMs = useMemo(() => usualIntervalMs(points), [points]);
  const columns = useMemo(() => toColumns(points, curves, intervalMs), [points, curves, intervalMs]);
  const stop = (span: readonly [number, number]) => setHeld({ points, span });
  const empty = columns.times.length === 0;
  const nowMs = live.now();
  const endMs = held === null ? live.window(windowS * 1_000).toMs : held.span[1] * 1_000;
  return (
    <section className="card charts" data-testid="live-chart" aria-label="Curves">
      <header className="charts-head">
        <h2 className="card-title" data-testid="charts-title">
          {titleOf(windowS, held, endMs, nowMs)}
        </h2>
        <CursorTime timeline={timeline} />
        <ChartToolbar
          windowS={windowS}
          held={held !== null}
          onWindow={(seconds) => {
            setHeld(null);
            setWindow(seconds);
          }}
          onHold={() => stop(timeline.span())}
          onFollow={() => setHeld(null)}
        />
      </header>
      {empty && <p className="charts-message">{emptyMessage(snapshot, nowMs)}</p>}
      {!empty && (
        <div className={`strips ${curves.length > 4 ? "strips-many" : ""}`} onDoubleClick={() => setHeld(null)}>
          {curves.map((curve, i) => (
            <StripView
              key={curve.key}
              curve={curve}
              columns={columns}
              timeline={timeline}
              reach={(2 * (intervalMs ?? 1_000)) / 1_000}
              theme={theme}
              withTimes={curves.length > 4 || i === curves.length - 1}
              onSelect={(from, to) => stop([from, to])}
            />
          ))}
        </div>
      )}
      {!empty && <CursorSlider columns={columns} curves={curves} timeline={timeline} reach={(2 * (intervalMs ?? 1_000)) / 1_000} />}
      {!empty && snapshot.history === "failed" && (
        <p className="charts-warning" role="status">
          The history cannot be read at present; the curves begin where this page opened. Trying again.
        </p>
      )}
      <CurveChooser points={points} chosen={curves} onChange={setCurves} />
    </section>
  );
}

function titleOf(windowS: number, held: Held | null, endMs: number, nowMs: number): string {
  const minutes = windowS / 60;
  const words = minutes === 1 ? "minute" : `${minutes} minutes`;
  if (held !== null) return `Held at ${moment(endMs, nowMs, true)}`;
  return nowMs - endMs > 2_000 ? `Last ${words} until ${moment(endMs, nowMs)}` : `Last ${words}`;
}

function emptyMessage({ history, device }: LiveSnapshot, nowMs: number): string {
  if (history === "loading") return "Loading the last minutes…";
  if (history === "failed") return "The history cannot be read at present. Trying again.";
  const seenMs = Date.parse(device?.last_seen ?? "");
  if (Number.isNaN(seenMs)) return "This device has not sent anything yet.";
  return `No sample in this span. The device was last heard of ${age(nowMs - seenMs)} ago.`;
}
