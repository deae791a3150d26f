import { useEffect, useRef, useState } from "react";
import { fetchTags, fetchTrail, toFix, type Fix } from "../../api/uwb";
import { useDoor, useRoom } from "../../telemetry";
import { sentence } from "../shared/useRemote";
import { MAX_TRAIL, TRAIL_MS, withFixes, type Tracks } from "./tracks";

/** Trails that are asked for when the page opens; the others grow from then on. */
const TRAILS = 25;
/** How often the map is drawn at most, ms. */
const BATCH_MS = 150;
/** Fixes that wait for it, which a hidden page does not do: the list is asked for again anyway. */
const MAX_WAITING = 10_000;

/** Where the tags are and were in the last minutes, kept current. */
export function useTracks(): { tracks: Tracks | null; failure: string | null } {
  const door = useDoor();
  const [tracks, setTracks] = useState<Tracks | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const waiting = useRef<Fix[]>([]);
  const loading = useRef<AbortController | null>(null);

  const load = async () => {
    loading.current?.abort();
    const { signal } = (loading.current = new AbortController());
    try {
      const tags = await fetchTags(signal);
      setTracks((before) => withFixes(before ?? new Map(), tags));
      setFailure(null);
      const from = door.clock.now() - TRAIL_MS;
      const recent = tags.filter(({ timeMs }) => timeMs > from).toSorted((a, b) => b.timeMs - a.timeMs);
      // One after another: they are many, and none of them is urgent.
      for (const { tag } of recent.slice(0, TRAILS)) {
        const trail = await fetchTrail(tag, from, MAX_TRAIL, signal);
        setTracks((before) => withFixes(before ?? new Map(), trail));
      }
    } catch (error) {
      if (!signal.aborted) setFailure(sentence(error));
    }
  };

  useRoom("uwb", ({ type, payload }) => {
    // After each loss of the connection the room is joined again: what happened meanwhile is asked for.
    if (type === "subscribed") void load();
    const fix = type === "uwb.location" ? toFix(payload) : null;
    if (fix !== null && waiting.current.length < MAX_WAITING) waiting.current.push(fix);
  });
  useEffect(() => () => loading.current?.abort(), []);

  useEffect(() => {
    const timer = setInterval(() => {
      if (waiting.current.length === 0 || document.hidden) return;
      const fixes = waiting.current;
      waiting.current = [];
      setTracks((before) => withFixes(before ?? new Map(), fixes));
    }, BATCH_MS);
    return () => clearInterval(timer);
  }, []);

  return { tracks, failure };
}
