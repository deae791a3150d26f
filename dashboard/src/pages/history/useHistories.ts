import { useCallback, useEffect } from "react";
import { ApiError, isLoggedOut } from "../../api";
import { fetchAlarms } from "../../api/alarms";
import { fetchCommands } from "../../api/commands";
import { fetchEvents } from "../../api/events";
import { fetchHistory, type History } from "../../api/history";
import { useRemote, type Remote } from "../shared/useRemote";
import { fetchEnergy } from "./energy";
import { withEnds, withInterval } from "./interval";
import { toMarks, type Mark } from "./marks";
import { boundsOf, type View } from "./view";

/** What a view shows, of one device or two. */
export interface Shown {
  /** Unix ms. */
  fromMs: number;
  toMs: number;
  histories: History[];
  /** In buckets of an hour or less, for the energy of each day; else why there is none, in a sentence. */
  energy: History[] | string;
  marks: Mark[];
}

/** A view that ends now is fetched again when a bucket may have ended, within these. */
const MIN_REFRESH_MS = 15_000;
const MAX_REFRESH_MS = 300_000;
const MARKS = 200;
const HOUR_MS = 3_600_000;

/** Fetches what a view shows, in at most `width` buckets. */
export function useHistories(deviceId: string, { span, fields, compare }: View, width: number): Remote<Shown> {
  const fieldList = fields.join(",");
  const load = useCallback(
    async (signal: AbortSignal): Promise<Shown> => {
      const bounds = boundsOf(span, Date.now());
      const ids = compare === null || compare === deviceId ? [deviceId] : [deviceId, compare];
      const asked = withEnds(fieldList.split(","));
      const long = bounds.toMs - bounds.fromMs > 48 * HOUR_MS;
      const each = <T>(get: (id: string) => Promise<T>) => Promise.all(ids.map(get));
      const [histories, energy, events, alarms, commands] = await Promise.all([
        each(async (id) => withInterval(await fetchHistory(id, { ...bounds, fields: asked, width }, signal))),
        long ? each((id) => fetchEnergy(id, bounds, signal)).catch(whyNot) : null,
        fetchEvents(deviceId, { ...bounds, limit: MARKS }, signal),
        fetchAlarms(signal),
        fetchCommands(deviceId, MARKS, signal),
      ]);
      const marks = toMarks({ deviceId, ...bounds, events, alarms, commands });
      return { ...bounds, histories, energy: energy ?? histories, marks };
    },
    [deviceId, compare, fieldList, span, width],
  );
  const remote = useRemote(load);

  const { reload, data } = remote;
  const endsNow = typeof span === "string";
  const stepMs = data?.histories[0]?.stepMs ?? MIN_REFRESH_MS;
  useEffect(() => {
    if (!endsNow) return;
    const refresh = () => {
      if (!document.hidden) reload();
    };
    const timer = setInterval(refresh, Math.min(MAX_REFRESH_MS, Math.max(MIN_REFRESH_MS, stepMs)));
    return () => clearInterval(timer);
  }, [endsNow, reload, stepMs]);
  return remote;
}

/** The curves are worth showing without it; the end of the session or of the waiting concerns them too. */
function whyNot(error: unknown): string {
  if (error instanceof ApiError && !isLoggedOut(error)) return error.message;
  throw error;
}
