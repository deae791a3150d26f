import { useCallback, useState } from "react";
import { LiveCharts } from "../charts/LiveCharts";
import { DeviceHead } from "../components/DeviceHead";
import { Notice } from "../components/Notice";
import { decimal, nameOf } from "../format";
import { Details } from "../live/Details";
import { FaultBanner } from "../live/FaultBanner";
import { PowerFlow } from "../live/PowerFlow";
import { Tiles } from "../live/Tiles";
import { Truths } from "../live/Truths";
import { Link } from "../router";
import type { PageProps } from "../routes";
import { ageMs, isStale, useLiveDevice, useLiveSnapshot, usualIntervalMs, type LiveDevice } from "../telemetry";
import { useTitle } from "../title";
import { useTick } from "../useTick";
import "uplot/dist/uPlot.min.css";
import "../styles/plot.css";
import "../styles/live.css";
import "../styles/flow.css";
import "../styles/charts.css";

/** What the event door sends by itself; longer windows are fetched when they are asked for. */
const WINDOW_MS = 15 * 60_000;

/** One device, live. */
export default function LivePage({ params: { id: deviceId = "" } }: PageProps) {
  const [unknown, setUnknown] = useState(false);
  const onUnknownDevice = useCallback(() => setUnknown(true), []);
  const live = useLiveDevice({ deviceId, windowMs: WINDOW_MS, onUnknownDevice });
  if (!unknown) return <LiveView live={live} deviceId={deviceId} />;
  return (
    <Notice tone="warn" title={`There is no device ${deviceId}, or you may not see it.`}>
      <Link href="/">All devices</Link>
    </Notice>
  );
}

function LiveView({ live, deviceId }: { live: LiveDevice; deviceId: string }) {
  const snapshot = useLiveSnapshot(live);
  useTick(500);
  const { connection, device, latest, freshAt, points, catchUp } = snapshot;
  const age = freshAt === null ? null : ageMs(freshAt);
  const stale = isStale(freshAt, usualIntervalMs(points));
  const name = nameOf(deviceId, device?.name);
  const soc = stale ? undefined : latest?.battery.soc;
  // The state of charge in the tab's title, for a page that is open behind others.
  useTitle(soc === undefined ? name : `${decimal(soc, 0)} % ${name}`);
  return (
    <>
      <DeviceHead deviceId={deviceId} name={name} />
      <Truths
        connection={connection}
        device={device}
        catchUp={catchUp}
        ageMs={age}
        stale={stale}
        nowMs={live.now()}
      />
      <FaultBanner sample={latest} />
      <Tiles sample={latest} stale={stale} ageMs={age} />
      <div className={`live-body ${stale ? "is-stale" : ""}`}>
        <LiveCharts live={live} snapshot={snapshot} />
        <PowerFlow sample={latest} stale={stale} />
      </div>
      {latest !== null && <Details sample={latest} stale={stale} />}
    </>
  );
}
