import { useDeferredValue, useMemo, useRef, useState } from "react";
import { FleetControls } from "../fleet/FleetControls";
import { FleetList } from "../fleet/FleetList";
import { useOrder } from "../fleet/useOrder";
import { count, FILTERS, groupsOf, SORTS, totals, type FilterKey, type SortKey, type View } from "../fleet/view";
import { clockTime, power } from "../format";
import { isFullAdmin } from "../roles";
import { Link, setQuery, useLocation } from "../router";
import { exists, paths } from "../routes";
import { useUser } from "../session";
import { useConnection, useDoor, useFleet, type FleetRow } from "../telemetry";
import { useTitle } from "../title";
import { useTick } from "../useTick";
import "../styles/fleet.css";

/** Every device with its state. */
export default function FleetPage() {
  const fleet = useDeferredValue(useFleet());
  const door = useDoor();
  const area = useRef<HTMLDivElement>(null);
  const [view, change] = useView();
  const rows = useOrder(fleet, view, area);
  const counts = useMemo(() => count(fleet.rows.values()), [fleet]);
  const groups = useMemo(() => groupsOf(fleet.rows.values()), [fleet]);
  const live = useConnection().status === "OPEN";
  useTick(1_000);
  useTitle("Fleet");
  const sort = (key: SortKey) => change({ sort: key, descending: view.sort === key && !view.descending });
  return (
    <>
      <div className="page-head">
        <h1>Fleet</h1>
        {fleet.rows.size > 0 && <Summary rows={rows} online={counts.online} all={counts.all} asOfMs={live ? null : fleet.toldAtMs} />}
      </div>
      {fleet.rows.size > 0 && <FleetControls view={view} counts={counts} groups={groups} onChange={change} />}
      <div ref={area}>
        {rows.length > 0 && (
          <FleetList rows={rows} view={view} nowMs={Math.floor(door.clock.now() / 1_000) * 1_000} live={live} onSort={sort} />
        )}
        {rows.length === 0 && fleet.rows.size > 0 && <p className="card empty">No device is like that.</p>}
        {fleet.rows.size === 0 && (fleet.ready ? <NoDevices /> : <p className="card empty">Loading the devices…</p>)}
      </div>
    </>
  );
}

interface SummaryProps {
  rows: readonly FleetRow[];
  online: number;
  all: number;
  /** Without a connection, when it was so, Unix ms. */
  asOfMs: number | null;
}

function Summary({ rows, online, all, asOfMs }: SummaryProps) {
  const { charging, discharging } = totals(rows);
  return (
    <p className="page-note" data-testid="fleet-summary">
      {asOfMs !== null && `As of ${clockTime(asOfMs)}, no connection since: `}
      {online} of {all} online
      {charging > 0 && `, charging ${watts(charging)}`}
      {discharging > 0 && `, discharging ${watts(discharging)}`}
    </p>
  );
}

function watts(value: number): string {
  const shown = power(value);
  return `${shown.value.replace("+", "")} ${shown.unit}`;
}

function NoDevices() {
  const user = useUser();
  return (
    <div className="card empty">
      <h2>No device yet</h2>
      {isFullAdmin(user) && exists("/admin/devices") ? (
        <p>
          <Link href={paths.admin("devices")}>Register one</Link>, and its page says what to type on the device.
        </p>
      ) : (
        <p>
          An administrator adds one here, or on the server with <code>ems-cloud device add ems_001</code>.
        </p>
      )}
    </div>
  );
}

/** The view as the address says it, so that a link restores it; what is being typed is not in there. */
function useView(): [View, (change: Partial<View>) => void] {
  const { query } = useLocation();
  const [text, setText] = useState("");
  const [filter, group, sort, order] = ["show", "group", "sort", "order"].map((name) => query.get(name));
  const view = useMemo<View>(
    () => ({
      text,
      filter: filter !== null && filter !== undefined && filter in FILTERS ? (filter as FilterKey) : "all",
      group: group ?? null,
      sort: sort !== null && sort !== undefined && sort in SORTS ? (sort as SortKey) : "attention",
      descending: order === "down",
    }),
    [text, filter, group, sort, order],
  );
  const change = (next: Partial<View>) => {
    if (next.text !== undefined) setText(next.text);
    if (Object.keys(next).every((name) => name === "text")) return;
    const to = { ...view, ...next };
    setQuery({
      show: to.filter === "all" ? null : to.filter,
      group: to.group,
      sort: to.sort === "attention" ? null : to.sort,
      order: to.descending ? "down" : null,
    });
  };
  return [view, change];
}
