import { useCallback, useState } from "react";
import { DeviceHead } from "../components/DeviceHead";
import { Details } from "../components/Details";
import { FaultBanner } from "../components/FaultBanner";
import { LiveCharts } from "../components/LiveCharts";
import { Notice } from "../components/Notice";
import { Tiles } from "../components/Tiles";
import { Truths } from "../components/Truths";
import { decimal } from "../format";
import { Link } from "../router";
import { useSession } from "../session";
import { ageMs, useLiveDevice, useLiveSnapshot, usualIntervalMs, type LiveDevice } from "../telemetry";
import { useTitle } from "../title";
import { useTick } from "../useTick";
import type { PageProps } from "../routes";
import "uplot/dist/uPlot.min.css";
import "../styles/live.css";
import "../styles/charts.css";

const WINDOW_MS = 15 * 60_000;
/** Older than this, or than three usual intervals of the device, a value is stale. */
const STALE_MS = 3_000;

/** One device, live. */
export default function LivePage({ params: { id: deviceId = "" } }: PageProps) {
  const { ended } = useSession();
  const [unknown, setUnknown] = useState(false);
  const onUnknownDevice = useCallback(() => setUnknown(true), []);
  const live = useLiveDevice({ deviceId, windowMs: WINDOW_MS, onSessionEnded: ended, onUnknownDevice });
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
  const { connection, device, latest, freshAt, points } = snapshot;
  const age = freshAt === null ? null : ageMs(freshAt);
  const stale = age !== null && age > Math.max(STALE_MS, 3 * (usualIntervalMs(points) ?? 0));
  const name = device?.name ?? deviceId;
  const soc = stale ? undefined : latest?.battery.soc;
  // The state of charge in the tab's title, for a page that is open behind others.
  useTitle(soc === undefined ? name : `${decimal(soc, 0)} % ${name}`);
  return (
    <>
      <DeviceHead deviceId={deviceId} name={name} />
      <Truths
        connection={connection}
        device={device}
        ageMs={age}
        stale={stale}
        nowMs={live.clock.now()}
        onRetry={live.retryNow}
      />
      <FaultBanner sample={latest} />
      <Tiles sample={latest} stale={stale} />
      <div className={`live-body ${stale ? "is-stale" : ""}`}>
        <LiveCharts live={live} snapshot={snapshot} />
        {latest !== null && <Details sample={latest} />}
      </div>
    </>
  );
}
