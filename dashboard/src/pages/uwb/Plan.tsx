import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { age } from "../../format";
import { OLD_MS, type Track } from "./tracks";
import { fit, gridLines, gridStep, isInside, pan, toPixels, zoomAt, type Size, type Viewport } from "./viewport";

interface PlanProps {
  tracks: readonly Track[];
  nowMs: number;
  selected: string | null;
  onSelect: (tag: string | null) => void;
}

/** The plan from above. It follows the tags until somebody moves it. */
export function Plan({ tracks, nowMs, selected, onSelect }: PlanProps) {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const [chosen, setChosen] = useState<Viewport | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const [automatic, setAutomatic] = useState<{ view: Viewport; size: Size } | null>(null);
  const places = tracks.map(({ last }) => last);
  // It stays as it is until a tag leaves the picture: a plan that moves with every step of a tag cannot be read.
  const fitting = automatic !== null && automatic.size === size && places.every((place) => isInside(automatic.view, size, place));
  if (!fitting && size.width > 0) setAutomatic({ view: fit(tracks.flatMap(({ trail, last }) => [...trail, last]), size), size });
  const view = chosen ?? automatic?.view ?? fit([], size);
  const fingers = useFingers(view, size, setChosen);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // React listens to the wheel passively: it could not keep the page from scrolling.
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const turn = (event: WheelEvent) => {
      event.preventDefault();
      const place = element.getBoundingClientRect();
      setChosen(zoomAt(view, size, Math.exp(-event.deltaY / 400), event.clientX - place.left, event.clientY - place.top));
    };
    element.addEventListener("wheel", turn, { passive: false });
    return () => element.removeEventListener("wheel", turn);
  }, [view, size]);

  const zoom = (factor: number) => setChosen(zoomAt(view, size, factor, size.width / 2, size.height / 2));
  const moveByKey = (event: KeyboardEvent) => {
    const step = KEYS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    if (step.zoom !== undefined) zoom(step.zoom);
    else setChosen(pan(view, step.dx, step.dy));
  };

  return (
    <section className="card plan" aria-label="Plan">
      {/* The plan is moved with the arrow keys; the list beside it says in words what it shows. */}
      {/* oxlint-disable jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex */}
      <div
        ref={box}
        className="plan-box"
        role="application"
        aria-label="Plan of the tags. Arrow keys move it, plus and minus zoom; the list of tags tells their places."
        tabIndex={0}
        data-testid="uwb-plan"
        onKeyDown={moveByKey}
        {...fingers}
      >
        {size.width > 0 && <Picture {...{ tracks, nowMs, selected, onSelect, view, size }} />}
      </div>
      {/* oxlint-enable jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex */}
      <div className="plan-buttons" role="group" aria-label="Zoom">
        <button type="button" className="button" aria-label="Zoom in" onClick={() => zoom(1.5)}>
          +
        </button>
        <button type="button" className="button" aria-label="Zoom out" onClick={() => zoom(1 / 1.5)}>
          −
        </button>
        <button type="button" className="button" disabled={chosen === null} onClick={() => setChosen(null)}>
          All
        </button>
      </div>
    </section>
  );
}

const KEYS: Readonly<Record<string, { dx: number; dy: number; zoom?: number }>> = {
  ArrowLeft: { dx: 60, dy: 0 },
  ArrowRight: { dx: -60, dy: 0 },
  ArrowUp: { dx: 0, dy: 60 },
  ArrowDown: { dx: 0, dy: -60 },
  "+": { dx: 0, dy: 0, zoom: 1.5 },
  "=": { dx: 0, dy: 0, zoom: 1.5 },
  "-": { dx: 0, dy: 0, zoom: 1 / 1.5 },
};

/** One finger or the mouse moves the plan, two fingers zoom it. */
function useFingers(view: Viewport, size: Size, onChange: (view: Viewport) => void) {
  const down = useRef(new Map<number, { x: number; y: number }>());
  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    down.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
  };
  const onPointerMove = (event: PointerEvent<HTMLElement>) => {
    const before = down.current.get(event.pointerId);
    if (before === undefined) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...down.current].find(([id]) => id !== event.pointerId)?.[1];
    down.current.set(event.pointerId, now);
    if (other === undefined) {
      // A click that trembles is still a click.
      if (!event.currentTarget.hasPointerCapture(event.pointerId)) event.currentTarget.setPointerCapture(event.pointerId);
      onChange(pan(view, now.x - before.x, now.y - before.y));
      return;
    }
    const place = event.currentTarget.getBoundingClientRect();
    const factor = distance(now, other) / Math.max(1, distance(before, other));
    const middle = { left: (now.x + other.x) / 2 - place.left, top: (now.y + other.y) / 2 - place.top };
    onChange(zoomAt(view, size, factor, middle.left, middle.top));
  };
  const onPointerUp = useCallback((event: PointerEvent<HTMLElement>) => void down.current.delete(event.pointerId), []);
  return { onPointerDown, onPointerMove, onPointerUp, onPointerCancel: onPointerUp };
}

function distance(a: { x: number; y: number }, b: { x: number; y: number }): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function Picture({ tracks, nowMs, selected, onSelect, view, size }: PlanProps & { view: Viewport; size: Size }) {
  const { width, height } = size;
  return (
    <svg className="plan-picture" width={width} height={height} aria-hidden="true">
      <Grid view={view} size={size} />
      {tracks.map(({ tag, trail, last }) => (
        <polyline
          key={tag}
          className={`trail ${tag === selected ? "is-selected" : ""}`}
          points={[...trail, last].map((fix) => pixelsOf(view, size, fix)).join(" ")}
        />
      ))}
      {tracks.map((track) => (
        <TagMark key={track.tag} {...{ track, nowMs, view, size }} selected={track.tag === selected} onSelect={onSelect} />
      ))}
    </svg>
  );
}

interface TagMarkProps {
  track: Track;
  nowMs: number;
  view: Viewport;
  size: Size;
  selected: boolean;
  onSelect: (tag: string | null) => void;
}

function TagMark({ track: { tag, last }, nowMs, view, size, selected, onSelect }: TagMarkProps) {
  const { left, top } = toPixels(view, size, last);
  const old = nowMs - last.timeMs > OLD_MS;
  const label = tag.length > 24 ? `${tag.slice(0, 24)}…` : tag;
  return (
    <g
      className={`plan-tag ${old ? "is-old" : ""} ${selected ? "is-selected" : ""}`}
      transform={`translate(${left.toFixed(1)} ${top.toFixed(1)})`}
      onClick={() => onSelect(selected ? null : tag)}
    >
      {last.accuracy !== null && <circle className="accuracy" r={Math.max(1, last.accuracy * view.scale)} />}
      <circle className="tag-dot" r={selected ? 8 : 6} />
      <text x={left > size.width - 110 ? -11 : 11} y="4" textAnchor={left > size.width - 110 ? "end" : "start"}>
        {label}
        {old && ` · ${age(nowMs - last.timeMs)}`}
      </text>
    </g>
  );
}

function Grid({ view, size: { width, height } }: { view: Viewport; size: Size }) {
  const step = gridStep(view.scale);
  const half = { x: width / 2 / view.scale, y: height / 2 / view.scale };
  const size = { width, height };
  const xs = gridLines(view.x - half.x, view.x + half.x, step);
  const ys = gridLines(view.y - half.y, view.y + half.y, step);
  return (
    <g className="plan-grid">
      {xs.map((x) => {
        const { left } = toPixels(view, size, { x, y: 0 });
        return (
          <g key={`x${x}`}>
            <line x1={left} x2={left} y1="0" y2={height} className={Math.abs(x) < step / 2 ? "is-axis" : ""} />
            <text x={left + 4} y={height - 6}>
              {metres(x, step)}
            </text>
          </g>
        );
      })}
      {ys.map((y) => {
        const { top } = toPixels(view, size, { x: 0, y });
        return (
          <g key={`y${y}`}>
            <line x1="0" x2={width} y1={top} y2={top} className={Math.abs(y) < step / 2 ? "is-axis" : ""} />
            <text x="6" y={top - 4}>
              {metres(y, step)}
            </text>
          </g>
        );
      })}
    </g>
  );
}

function metres(value: number, step: number): string {
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const text = Math.abs(value).toFixed(digits);
  return `${value < -step / 2 ? "\u2212" : ""}${text} m`;
}

function pixelsOf(view: Viewport, size: Size, place: { x: number; y: number }): string {
  const { left, top } = toPixels(view, size, place);
  return `${left.toFixed(1)},${top.toFixed(1)}`;
}
