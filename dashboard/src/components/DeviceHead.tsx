import type { ReactNode } from "react";
import { nameOf } from "../format";
import { Link, useLocation } from "../router";
import { ROUTES } from "../routes";
import { has } from "../roles";
import { useUser } from "../session";

/** The head of each of a device's pages: its name and the way to the others. */
export function DeviceHead({ deviceId, name, children }: { deviceId: string; name?: string | null; children?: ReactNode }) {
  const user = useUser();
  const { pathname } = useLocation();
  const tabs = ROUTES.filter(({ tab, needs }) => tab !== undefined && has(user, needs));
  const shown = nameOf(deviceId, name);
  return (
    <div className="device-head">
      <div className="page-head">
        <Link href="/" className="crumb">
          Fleet
        </Link>
        <h1>
          <bdi>{shown}</bdi>
        </h1>
        {shown !== deviceId && <p className="page-note">{deviceId}</p>}
        {children}
      </div>
      {tabs.length > 1 && (
        <nav className="tabs" aria-label="Pages of this device">
          {tabs.map(({ pattern, tab }) => {
            const href = pattern.replace(":id", encodeURIComponent(deviceId));
            return (
              <Link key={pattern} href={href} aria-current={pathname === href ? "page" : undefined}>
                {tab}
              </Link>
            );
          })}
        </nav>
      )}
    </div>
  );
}
