import { useEffect, useState } from "react";

/**
 * Renders the component again every `intervalMs` and returns how often it did. A hidden page does not tick,
 * and catches up when it is shown. 0 is never.
 */
export function useTick(intervalMs: number): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (intervalMs === 0) return;
    const advance = () => {
      if (!document.hidden) setTick((n) => n + 1);
    };
    const timer = setInterval(advance, intervalMs);
    document.addEventListener("visibilitychange", advance);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", advance);
    };
  }, [intervalMs]);
  return tick;
}
