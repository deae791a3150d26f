import { fetchHistory, type History } from "../../api/history";

interface Bounds {
  /** Unix ms. */
  fromMs: number;
  toMs: number;
}

const DAY_MS = 86_400_000;
const HOUR_S = 3_600;
const HALF_HOUR_S = 1_800;
const QUARTER_S = 900;
/** The server tells at most 20,000 buckets at once. */
const MOST_BUCKETS = 19_200;

/** The energy of a span in buckets of an hour or less, of which none lies across a local midnight. */
export async function fetchEnergy(deviceId: string, bounds: Bounds, signal: AbortSignal): Promise<History> {
  const step = energyStepS(bounds);
  const ask = (piece: Bounds) => fetchHistory(deviceId, { ...piece, fields: ["battery.power"], step: String(step) }, signal);
  const answers = await Promise.all(pieces(bounds, step * 1_000).map(ask));
  const [first, ...others] = answers;
  if (first === undefined) throw new RangeError("a span has at least one piece");
  if (others.length === 0) return first;
  return {
    ...first,
    ...bounds,
    at: answers.flatMap(({ at }) => at),
    series: new Map(),
    energy: {
      inWh: answers.flatMap(({ energy }) => energy.inWh),
      outWh: answers.flatMap(({ energy }) => energy.outWh),
    },
  };
}

/** The longest step, s, of which every local midnight is a multiple: zones differ by hours, halves or quarters of one. */
export function energyStepS({ fromMs, toMs }: Bounds): number {
  let step = HOUR_S;
  // The clocks may be changed within the span, in a few places by half an hour.
  for (let ms = fromMs; ; ms = Math.min(toMs, ms + 30 * DAY_MS)) {
    const offsetS = new Date(ms).getTimezoneOffset() * 60;
    if (offsetS % step !== 0) step = offsetS % HALF_HOUR_S === 0 ? HALF_HOUR_S : QUARTER_S;
    if (ms >= toMs) return step;
  }
}

/** The span in as few pieces as the server answers; each but the first begins with a bucket, and none shares one. */
export function pieces({ fromMs, toMs }: Bounds, stepMs: number): Bounds[] {
  const found: Bounds[] = [];
  let start = fromMs;
  let end = Math.floor(fromMs / stepMs) * stepMs + MOST_BUCKETS * stepMs;
  while (end <= toMs) {
    // The server counts both ends in.
    found.push({ fromMs: start, toMs: end - 1 });
    start = end;
    end += MOST_BUCKETS * stepMs;
  }
  return [...found, { fromMs: start, toMs }];
}
