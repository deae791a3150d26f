import { useCallback, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { Icon } from "../components/Icon";
import type { FleetRow } from "../telemetry";
import { FleetRowView } from "./FleetRowView";
import { SORTS, type SortKey, type View } from "./view";
import { useRowHeight } from "./useRowHeight";
import { useVirtualRows } from "./useVirtualRows";

/** The columns in the order of the cells; without a key a column cannot be sorted by. */
const COLUMNS: readonly { title: string; sort?: SortKey; className: string }[] = [
  { title: "Device", sort: "name", className: "fleet-device" },
  { title: "Link", sort: "attention", className: "fleet-link-state" },
  { title: "State of charge", sort: "soc", className: "fleet-soc" },
  { title: "Power", sort: "power", className: "fleet-power" },
  { title: "Last 15 min", className: "fleet-spark" },
  { title: "Voltage", sort: "voltage", className: "fleet-voltage" },
  { title: "Last data", sort: "seen", className: "fleet-seen" },
];

interface FleetListProps {
  rows: readonly FleetRow[];
  view: View;
  nowMs: number;
  /** The page is connected: the rows are what the server knows. */
  live: boolean;
  onSort: (sort: SortKey) => void;
}

/** The devices as a table of which only the rows in sight exist; the arrow keys walk through all of it. */
export function FleetList({ rows, view, nowMs, live, onSort }: FleetListProps) {
  const body = useRef<HTMLDivElement>(null);
  const rowHeight = useRowHeight();
  const { first, end } = useVirtualRows(body, rows.length, rowHeight);
  const [reachable, setReachable] = useState(0);
  const moveTo = useRef<number | null>(null);
  const last = rows.length - 1;
  const current = Math.min(reachable, last);

  const onKeyDown = useCallback(
    (event: KeyboardEvent, index: number) => {
      const page = Math.max(1, Math.floor(innerHeight / rowHeight) - 2);
      const target = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: last }[event.key];
      if (target === undefined) return;
      event.preventDefault();
      const to = Math.min(last, Math.max(0, target));
      moveTo.current = to;
      setReachable(to);
      const top = (body.current?.getBoundingClientRect().top ?? 0) + to * rowHeight;
      // Room for what covers the page's upper and lower edge.
      if (top < 120) scrollBy(0, top - 120);
      else if (top + rowHeight > innerHeight - 90) scrollBy(0, top + rowHeight - innerHeight + 90);
    },
    [last, rowHeight],
  );

  // The row may come into being only after the page has scrolled.
  useLayoutEffect(() => {
    if (moveTo.current === null) return;
    const link = body.current?.querySelector<HTMLElement>(`[data-row="${moveTo.current}"]`);
    if (link === null || link === undefined) return;
    moveTo.current = null;
    link.focus({ preventScroll: true });
  });

  return (
    <div className={`card fleet ${live ? "" : "is-stale"}`} role="table" aria-label="Devices" aria-rowcount={rows.length + 1}>
      <div role="rowgroup" className="fleet-head">
        <div role="row" aria-rowindex={1} className="fleet-head-row">
          {COLUMNS.map(({ title, sort, className }) => (
            <div key={title} role="columnheader" className={className} aria-label={title} aria-sort={sortOf(view, sort)}>
              {sort === undefined ? (
                title
              ) : (
                <button type="button" onClick={() => onSort(sort)} title={`Sort by: ${SORTS[sort]}`}>
                  {title}
                  {view.sort === sort && <Icon name={view.descending ? "down" : "up"} size={14} />}
                </button>
              )}
            </div>
          ))}
        </div>
      </div>
      <div ref={body} role="rowgroup" className="fleet-body" style={{ height: rows.length * rowHeight }}>
        {rows.slice(first, end).map((row, i) => (
          <FleetRowView
            key={row.device_id}
            row={row}
            index={first + i}
            top={(first + i) * rowHeight}
            reachable={first + i === (current < first || current >= end ? first : current)}
            nowMs={nowMs}
            live={live}
            onKeyDown={onKeyDown}
            onFocus={setReachable}
          />
        ))}
      </div>
    </div>
  );
}

function sortOf(view: View, sort: SortKey | undefined): "ascending" | "descending" | "none" | undefined {
  if (sort === undefined) return undefined;
  if (view.sort !== sort) return "none";
  return view.descending ? "descending" : "ascending";
}
