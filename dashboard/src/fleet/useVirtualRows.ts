import { useLayoutEffect, useState, type RefObject } from "react";

/** Rows above and below the screen that are there already when it is scrolled. */
const OVERSCAN = 6;

/** The rows of a long list that are in sight, from the first to before the last. */
export interface RowRange {
  first: number;
  end: number;
}

/**
 * Which of `count` rows of the same height are in sight, while the page itself scrolls: only those need to exist.
 */
export function useVirtualRows(list: RefObject<HTMLElement | null>, count: number, rowHeight: number): RowRange {
  const [range, setRange] = useState<RowRange>({ first: 0, end: Math.min(count, 20) });
  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const top = list.current?.getBoundingClientRect().top ?? 0;
      const first = Math.max(0, Math.floor(-top / rowHeight) - OVERSCAN);
      const end = Math.min(count, Math.ceil((innerHeight - top) / rowHeight) + OVERSCAN);
      setRange((before) => (before.first === first && before.end === end ? before : { first, end: Math.max(first, end) }));
    };
    const schedule = () => {
      frame ||= requestAnimationFrame(look);
    };
    look();
    addEventListener("scroll", schedule, { passive: true });
    addEventListener("resize", schedule);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", schedule);
      removeEventListener("resize", schedule);
    };
  }, [list, count, rowHeight]);
  return range;
}
