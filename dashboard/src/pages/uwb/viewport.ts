/** What part of the plan is seen: metres at the middle of the picture, and how many pixels a metre is. */
export interface Viewport {
  x: number;
  y: number;
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

const MIN_SCALE = 0.5;
const MAX_SCALE = 2_000;

/** Pixels of a place. The plan's y grows upwards, the picture's downwards. */
export function toPixels({ x, y, scale }: Viewport, { width, height }: Size, place: { x: number; y: number }) {
  return { left: width / 2 + (place.x - x) * scale, top: height / 2 - (place.y - y) * scale };
}

/** The viewport that shows all places with some air; at least 4 m wide, so that one tag is not a wall. */
export function fit(places: readonly { x: number; y: number }[], { width, height }: Size): Viewport {
  if (places.length === 0) return { x: 0, y: 0, scale: Math.min(width, height) / 10 };
  const xs = places.map(({ x }) => x);
  const ys = places.map(({ y }) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
  const air = 1.3;
  const scale = Math.min(width / (Math.max(right - left, 4) * air), height / (Math.max(top - bottom, 4) * air));
  return clamp({ x: (left + right) / 2, y: (bottom + top) / 2, scale });
}

/** Whether a place is in the picture, and not at its edge. */
export function isInside(view: Viewport, size: Size, place: { x: number; y: number }): boolean {
  const { left, top } = toPixels(view, size, place);
  // As far in as a place that was just fitted is, less a rounding.
  const air = 0.05;
  const within = (value: number, length: number) => value >= air * length && value <= (1 - air) * length;
  return within(left, size.width) && within(top, size.height);
}

/** Zooms by `factor` so that the place below the pointer stays there. */
export function zoomAt(view: Viewport, size: Size, factor: number, left: number, top: number): Viewport {
  const next = clamp({ ...view, scale: view.scale * factor });
  const dx = left - size.width / 2;
  const dy = top - size.height / 2;
  return {
    x: view.x + dx / view.scale - dx / next.scale,
    y: view.y - dy / view.scale + dy / next.scale,
    scale: next.scale,
  };
}

/** Moves the picture by pixels. */
export function pan(view: Viewport, dx: number, dy: number): Viewport {
  return { ...view, x: view.x - dx / view.scale, y: view.y + dy / view.scale };
}

/** The distance of grid lines, m: 1, 2 or 5 times a power of ten, some 60 to 150 pixels. */
export function gridStep(scale: number): number {
  const wanted = 60 / scale;
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= wanted) ?? 10 * power;
}

/** The grid lines between two places on an axis, m. */
export function gridLines(from: number, to: number, step: number): number[] {
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.max(0, Math.floor(to / step) - first + 1) }, (_, i) => (first + i) * step);
}

function clamp(view: Viewport): Viewport {
  return { ...view, scale: Math.min(MAX_SCALE, Math.max(MIN_SCALE, view.scale)) };
}
