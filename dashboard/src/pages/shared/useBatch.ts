import { useCallback, useEffect, useRef } from "react";

const BATCH_MS = 200;

/** Gathers what comes one by one, and gives it to `take` a few times a second: a fleet tells of thousands at once. */
export function useBatch<T>(take: (items: T[]) => void): (item: T) => void {
  const items = useRef<T[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const latest = useRef(take);
  useEffect(() => {
    latest.current = take;
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback((item: T) => {
    items.current.push(item);
    if (items.current.length > 1) return;
    timer.current = setTimeout(() => latest.current(items.current.splice(0)), BATCH_MS);
  }, []);
}
