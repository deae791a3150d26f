import { memo, useCallback, useEffect, useMemo, useState } from "react";
import { usualIntervalMs, type LiveDevice, type LiveSnapshot, type Point } from "../telemetry";
import { ChartsMessage, ChartsTitle } from "./ChartsWords";
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
export const LiveCharts = memo(function LiveCharts({ live, snapshot }: { live: LiveDevice; snapshot: LiveSnapshot }) {
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
  const stop = useCallback(
    (from: number, to: number) =>
      setHeld((before) => ({ points: before?.points ?? live.getSnapshot().points, span: [from, to] })),
    [live],
  );
  const empty = columns.times.length === 0;
  const reach = (2 * (intervalMs ?? 1_000)) / 1_000;
  return (
    <section className="card charts" data-testid="live-chart" aria-label="Curves">
      <header className="charts-head">
        <ChartsTitle live={live} windowS={windowS} heldAt={held?.span[1] ?? null} />
        <CursorTime timeline={timeline} />
        <ChartToolbar
          windowS={windowS}
          held={held !== null}
          onWindow={(seconds) => {
            setHeld(null);
            setWindow(seconds);
          }}
          onHold={() => stop(...timeline.span())}
          onFollow={() => setHeld(null)}
        />
      </header>
      {empty && <ChartsMessage live={live} snapshot={snapshot} />}
      {!empty && (
        <div className={`strips ${curves.length > 4 ? "strips-many" : ""}`} onDoubleClick={() => setHeld(null)}>
          {curves.map((curve, i) => (
            <StripView
              key={curve.key}
              curve={curve}
              columns={columns}
              timeline={timeline}
              reach={reach}
              theme={theme}
              withTimes={curves.length > 4 || i === curves.length - 1}
              onSelect={stop}
            />
          ))}
        </div>
      )}
      {!empty && <CursorSlider columns={columns} curves={curves} timeline={timeline} reach={reach} />}
      {!empty && snapshot.history === "failed" && (
        <p className="charts-warning" role="status">
          The history cannot be read at present; the curves begin where this page opened. Trying again.
        </p>
      )}
      <CurveChooser points={points} chosen={curves} onChange={setCurves} />
    </section>
  );
});
