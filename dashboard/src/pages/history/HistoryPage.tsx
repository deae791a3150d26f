import { useCallback, useMemo, useRef, useState } from "react";
import { Notice } from "../../components/Notice";
import { CopyButton } from "../shared/CopyButton";
import { navigate, useLocation } from "../../router";
import type { PageProps } from "../../routes";
import { DevicePage } from "../shared/DevicePage";
import { Compare } from "./Compare";
import { EnergyPanel } from "./EnergyPanel";
import { ExportMenu } from "./ExportMenu";
import { MarkLane, MarkList } from "./MarkLane";
import { SpanControls } from "./SpanControls";
import { stepWords } from "./timeAxis";
import { TimeSlider } from "./TimeSlider";
import { useHistories, type Shown } from "./useHistories";
import { useHistoryTheme } from "./useHistoryTheme";
import { ValuePanel } from "./ValuePanel";
import { boundsOf, clampSpan, FIELDS, formatView, moved, parseView, type View } from "./view";
import "uplot/dist/uPlot.min.css";
import "../../styles/plot.css";
import "../shared/shared.css";
import "./history.css";

/** What a device did over an hour to a year. */
export default function HistoryPage({ params: { id = "" } }: PageProps) {
  return (
    <DevicePage deviceId={id} title="History">
      <Past key={id} deviceId={id} />
    </DevicePage>
  );
}

function Past({ deviceId }: { deviceId: string }) {
  const [view, setView] = useView();
  const [box, width] = useWidth();
  const shown = useHistories(deviceId, view, width);
  const bounds = shown.data;
  const change = (part: Partial<View>) => setView({ ...view, ...part });
  const move = (by: number, zoom: number) => change({ span: moved(boundsOf(view.span, Date.now()), by, zoom, Date.now()) });
  return (
    <>
      <div className="history-controls">
        <SpanControls
          span={view.span}
          bounds={bounds}
          onPreset={(span) => change({ span: typeof span === "string" ? span : clampSpan(span, Date.now()) })}
          onMove={move}
        />
        <div className="history-tools">
          <Compare deviceId={deviceId} compare={view.compare} onCompare={(compare) => change({ compare })} />
          <CopyButton label="Copy link" text={() => permanentLink(view)} />
          {bounds !== null && (
            <ExportMenu deviceId={deviceId} bounds={bounds} stepMs={bounds.histories[0]?.stepMs ?? null} />
          )}
        </div>
      </div>
      <FieldChoice chosen={view.fields} onChange={(fields) => change({ fields })} />
      {shown.failure !== null && (
        <Notice tone="bad" title={shown.failure}>
          <button type="button" className="button" onClick={shown.reload}>
            Try again
          </button>
        </Notice>
      )}
      <div ref={box} className={`history-body ${shown.loading ? "is-loading" : ""}`} aria-busy={shown.loading}>
        {shown.data !== null && (
          <Charts
            shown={shown.data}
            width={width}
            fields={view.fields}
            onSelect={(from, to) => change({ span: clampSpan({ fromMs: from * 1_000, toMs: to * 1_000 }, Date.now()) })}
            onZoomOut={() => move(0, 2)}
          />
        )}
      </div>
    </>
  );
}

interface ChartsProps {
  shown: Shown;
  /** Of the page's content, px. */
  width: number;
  fields: readonly string[];
  onSelect: (from: number, to: number) => void;
  onZoomOut: () => void;
}

function Charts({ shown, width, fields, onSelect, onZoomOut }: ChartsProps) {
  const theme = useHistoryTheme();
  const [cursor, setCursor] = useState<number | null>(null);
  const [selected, setSelected] = useState<string | null>(null);
  const { fromMs, toMs, histories, energy, marks } = shown;
  const span = useMemo(() => [fromMs / 1_000, toMs / 1_000] as const, [fromMs, toMs]);
  const lines = useMemo(
    () => marks.filter(({ key, severity }) => key === selected || severity === "error").map(({ timeMs }) => timeMs / 1_000),
    [marks, selected],
  );
  const first = histories[0];
  return (
    <>
      <section className="card history-charts" aria-label="Curves" data-testid="history-charts">
        <p className="history-note">
          {first !== undefined && first.at.length > 0
            ? `Mean, smallest and largest of each ${stepWords(first.stepMs)}; around the state of charge, all that it may have been. A gap in a curve is a time without data. Drag to zoom in, double-click to zoom out.`
            : "There is no data in this span."}
        </p>
        {FIELDS.filter(({ key }) => fields.includes(key)).map((field) => (
          <ValuePanel
            key={field.key}
            field={field}
            marks={lines}
            onCursor={setCursor}
            {...{ histories, span, theme, cursor, onSelect, onZoomOut }}
          />
        ))}
        <MarkLane marks={marks} fromMs={fromMs} toMs={toMs} selected={selected} onSelect={setSelected} />
        <TimeSlider histories={histories} fields={fields} span={span} cursor={cursor} onCursor={setCursor} />
      </section>
      <section className="card history-charts" aria-label="Energy">
        {typeof energy === "string" ? (
          <p className="history-none" role="status">
            The energy could not be read. {energy}
          </p>
        ) : (
          <EnergyPanel histories={energy} theme={theme} width={width} />
        )}
      </section>
      <MarkList marks={marks} selected={selected} onSelect={setSelected} />
    </>
  );
}

function FieldChoice({ chosen, onChange }: { chosen: readonly string[]; onChange: (fields: string[]) => void }) {
  // On a phone the curves matter more than what else could be seen.
  const [open] = useState(() => innerWidth > 720);
  return (
    <details className="field-choice" open={open}>
      <summary>
        Values <span className="muted">({chosen.length})</span>
      </summary>
      <fieldset className="picks">
        <legend className="visually-hidden">Values</legend>
      {FIELDS.map(({ key, title }) => {
        const on = chosen.includes(key);
        return (
          <label key={key} className={`pick ${on ? "is-on" : ""}`}>
            <input
              type="checkbox"
              checked={on}
              // The last one stays: a page of nothing helps nobody.
              disabled={on && chosen.length === 1}
              onChange={() => onChange(FIELDS.map((field) => field.key).filter((other) => (other === key ? !on : chosen.includes(other))))}
            />
            {title}
          </label>
        );
      })}
      </fieldset>
    </details>
  );
}

/** The view of the address; a change is written there, so that a reload and a bookmark bring it back. */
function useView(): [View, (view: View) => void] {
  const { pathname, query } = useLocation();
  const text = query.toString();
  const view = useMemo(() => parseView(text), [text]);
  const change = useCallback((next: View) => navigate(`${pathname}${formatView(next)}`, { replace: true }), [pathname]);
  return [view, change];
}

/** The same view for somebody who opens it later. */
function permanentLink(view: View): string {
  const fixed = { ...view, span: boundsOf(view.span, Date.now()) };
  return new URL(`${location.pathname}${formatView(fixed)}`, location.href).href;
}

/** The width of an element, in steps, so that a small change fetches nothing. */
function useWidth(): [(element: HTMLElement | null) => void, number] {
  const [width, setWidth] = useState(() => inSteps(innerWidth));
  const observer = useRef<ResizeObserver | null>(null);
  const attach = useCallback((element: HTMLElement | null) => {
    observer.current?.disconnect();
    observer.current = null;
    if (element === null) return;
    observer.current = new ResizeObserver(([entry]) => setWidth(inSteps(entry?.contentRect.width ?? 0)));
    observer.current.observe(element);
  }, []);
  return [attach, width];
}

function inSteps(width: number): number {
  return Math.min(2_000, Math.max(300, Math.round(width / 200) * 200));
}
