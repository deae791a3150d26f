import { useEffect, useState, type RefObject } from "react";
import type { Fleet, FleetRow } from "../telemetry";
import { select, type View } from "./view";

/** How often rows may change places while nothing else asks for it, ms. */
const REORDER_MS = 5_000;

/**
 * The rows of the view. Their values are current, their order is held: it is made anew when the view or the set of
 * devices changes, and now and then, but not under somebody's pointer or focus.
 */
export function useOrder(fleet: Fleet, view: View, area: RefObject<HTMLElement | null>): readonly FleetRow[] {
  const beat = useQuietBeat(area);
  const [held, setHeld] = useState<{ key: string; ids: readonly string[] }>({ key: "", ids: [] });
  const key = JSON.stringify([view, fleet.generation, beat]);
  let { ids } = held;
  if (held.key !== key) {
    ids = select(fleet.rows.values(), view).map((row) => row.device_id);
    setHeld({ key, ids });
  }
  return ids.flatMap((id) => fleet.rows.get(id) ?? []);
}

/** Counts up every few seconds while nobody has a hand on the area and the page is shown. */
function useQuietBeat(area: RefObject<HTMLElement | null>): number {
  const [beat, setBeat] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      const busy = document.hidden || area.current?.matches(":hover, :focus-within") === true;
      if (!busy) setBeat((n) => n + 1);
    }, REORDER_MS);
    return () => clearInterval(timer);
  }, [area]);
  return beat;
}
