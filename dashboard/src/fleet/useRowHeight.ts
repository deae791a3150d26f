import { useSyncExternalStore } from "react";

/** Narrower than this a row is a card of three lines. Also in styles/fleet.css. */
const NARROW = "(max-width: 860px)";

/** The height of a row of the fleet, px. Also in styles/fleet.css. */
export function useRowHeight(): number {
  return useSyncExternalStore(subscribe, () => (matchMedia(NARROW).matches ? 124 : 60));
}

function subscribe(listener: () => void): () => void {
  const query = matchMedia(NARROW);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}
