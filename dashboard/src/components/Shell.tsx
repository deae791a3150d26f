import { useEffect, useState, type ReactNode } from "react";
import type { User } from "../api";
import { zone } from "../format";
import { has } from "../roles";
import { Link, useLocation } from "../router";
import { ROUTES } from "../routes";
import { setTitleBadge } from "../title";
import { useAlarms } from "../telemetry";
import { AlarmBanner } from "./AlarmBanner";
import { Brand } from "./Brand";
import { ConnectionPill } from "./ConnectionPill";
import { Icon } from "./Icon";
import { UserMenu } from "./UserMenu";

/** What surrounds every page of a logged-in user: above on a desk, below on a phone, where the thumb is. */
export function Shell({ user, children }: { user: User; children: ReactNode }) {
  const [notice, setNotice] = useState<ReactNode>(null);
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="bar">
        <Link href="/" className="bar-home" aria-label="EMS, all devices">
          <Brand />
        </Link>
        <Navigation user={user} />
        <ConnectionPill />
        <UserMenu user={user} onFailure={setNotice} />
      </header>
      <AlarmBanner />
      <main id="content" className="page" tabIndex={-1}>
        {notice}
        {children}
      </main>
      <footer className="foot">All times are local: {zone()}</footer>
    </>
  );
}

function Navigation({ user }: { user: User }) {
  const { pathname } = useLocation();
  const { unacknowledged } = useAlarms();
  useEffect(() => setTitleBadge(unacknowledged), [unacknowledged]);
  useEffect(() => () => setTitleBadge(0), []);
  const entries = ROUTES.filter((route) => route.nav !== undefined && has(user, route.needs));
  return (
    <nav className="nav" aria-label="Pages">
      <ul>
        {entries.map(({ pattern, nav, load }) => (
          <li key={pattern}>
            <Link
              href={pattern}
              className="nav-link"
              aria-current={pathname === pattern ? "page" : isWithin(pathname, pattern) || undefined}
              onPointerEnter={() => void load().catch(() => undefined)}
            >
              <span className="nav-icon">
                <Icon name={nav?.icon ?? "fleet"} />
                {pattern === "/alarms" && unacknowledged > 0 && (
                  <span className="badge" data-testid="alarm-badge">
                    {unacknowledged > 99 ? "99+" : unacknowledged}
                    <span className="visually-hidden"> not acknowledged</span>
                  </span>
                )}
              </span>
              <span className="nav-label">{nav?.label}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** A device's pages belong to the fleet; the sections of the administration to each other. */
function isWithin(pathname: string, pattern: string): boolean {
  if (pattern === "/") return pathname === "/" || pathname.startsWith("/devices");
  const root = `/${pattern.split("/")[1]}`;
  return pathname === root || pathname.startsWith(`${root}/`);
}
