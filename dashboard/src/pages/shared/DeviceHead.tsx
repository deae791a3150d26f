import { useEffect } from "react";
import { Link, livePath } from "../../router";
import { Tabs } from "./Tabs";

const TABS = [
  ["live", "Live", ""],
  ["history", "History", "/history"],
  ["commands", "Commands", "/commands"],
  ["events", "Events", "/events"],
  ["messages", "Messages", "/messages"],
] as const;

/** The heading of what is about one device, and the way to the rest of it. */
export function DeviceHead({ deviceId, tab }: { deviceId: string; tab: (typeof TABS)[number][0] }) {
  const home = livePath(deviceId);
  const title = TABS.find(([key]) => key === tab)?.[1] ?? "";
  useEffect(() => {
    document.title = `${title} ${deviceId} – EMS`;
  }, [title, deviceId]);
  return (
    <>
      <div className="page-head">
        <Link href="/" className="crumb">
          Devices
        </Link>
        <h1>{deviceId}</h1>
      </div>
      <Tabs
        label="Device"
        tabs={TABS.map(([, name, path]) => [`${home}${path}`, name] as const)}
        current={`${home}${TABS.find(([key]) => key === tab)?.[2] ?? ""}`}
      />
    </>
  );
}
