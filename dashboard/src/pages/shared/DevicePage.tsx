import { useCallback, type ReactNode } from "react";
import { ApiError, request } from "../../api";
import { devicePath } from "../../api/read";
import { DeviceHead } from "../../components/DeviceHead";
import { Notice } from "../../components/Notice";
import { nameOf } from "../../format";
import { Link } from "../../router";
import { paths } from "../../routes";
import { toDeviceSummary, type DeviceSummary } from "../../telemetry";
import { useTitle } from "../../title";
import { useRemote } from "./useRemote";

/** The frame of a page about one device: its name and tabs, or that there is no such device. */
export function DevicePage({ deviceId, title, children }: { deviceId: string; title: string; children: ReactNode }) {
  const load = useCallback((signal: AbortSignal) => fetchSummary(deviceId, signal), [deviceId]);
  const { data } = useRemote(load);
  const name = data === "unknown" ? null : data?.name;
  useTitle(`${title} ${nameOf(deviceId, name).slice(0, 80)}`);
  if (data === "unknown") {
    return (
      <Notice tone="warn" title={`There is no device ${deviceId}, or you may not see it.`}>
        <Link href={paths.fleet()}>All devices</Link>
      </Notice>
    );
  }
  return (
    <>
      <DeviceHead deviceId={deviceId} name={name ?? null} />
      {children}
    </>
  );
}

async function fetchSummary(deviceId: string, signal: AbortSignal): Promise<DeviceSummary | "unknown"> {
  try {
    return toDeviceSummary(await request("GET", devicePath(deviceId), { signal }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return "unknown";
    throw error;
  }
}
