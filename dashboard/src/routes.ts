import { lazy, type ComponentType, type LazyExoticComponent } from "react";
import type { IconName } from "./components/Icon";
import type { Role } from "./roles";

/** What a page gets: the parts of its address that its pattern names. */
export interface PageProps {
  params: Readonly<Record<string, string>>;
}

type Load = () => Promise<{ default: ComponentType<PageProps> }>;

export interface RouteDefinition {
  /** The address, with `:name` for a part that varies. */
  pattern: string;
  /** The least role that has any use for the page. */
  needs: Role;
  /** Fetches the page's code. */
  load: Load;
  Page: LazyExoticComponent<ComponentType<PageProps>>;
  /** Its place in the navigation; none for pages that are reached from others. */
  nav?: { label: string; icon: IconName };
  /** Its tab on a device's pages. */
  tab?: string;
}

/**
 * Every page: to add one, write a component with a default export and a line here. Its code is fetched when it is
 * first shown. The order is that of the navigation, and of a device's tabs.
 */
export const ROUTES: readonly RouteDefinition[] = [
  route("/", "viewer", () => import("./pages/FleetPage"), { nav: { label: "Fleet", icon: "fleet" } }),
  route("/devices/:id", "viewer", () => import("./pages/LivePage"), { tab: "Live" }),
  route("/devices/:id/history", "viewer", () => import("./pages/history/HistoryPage"), { tab: "History" }),
  route("/devices/:id/commands", "viewer", () => import("./pages/commands/CommandsPage"), { tab: "Commands" }),
  route("/devices/:id/events", "viewer", () => import("./pages/events/EventsPage"), { tab: "Events" }),
  route("/alarms", "viewer", () => import("./pages/alarms/AlarmsPage"), { nav: { label: "Alarms", icon: "alarms" } }),
  route("/alarms/:view", "viewer", () => import("./pages/alarms/AlarmsPage")),
  route("/uwb", "viewer", () => import("./pages/uwb/UwbPage"), { nav: { label: "UWB", icon: "uwb" } }),
  route("/messages", "viewer", () => import("./pages/messages/MessagesPage"), { nav: { label: "Messages", icon: "messages" } }),
  route("/admin/devices", "admin", () => import("./pages/admin/AdminPage"), { nav: { label: "Admin", icon: "admin" } }),
  route("/account", "viewer", () => import("./pages/account/AccountPage")),
  route("/admin", "admin", () => import("./pages/admin/AdminPage")),
  route("/admin/:section", "admin", () => import("./pages/admin/AdminPage")),
];

/** The addresses of pages, for links. */
export const paths = {
  fleet: () => "/",
  live: (id: string) => `/devices/${encodeURIComponent(id)}`,
  history: (id: string) => `/devices/${encodeURIComponent(id)}/history`,
  commands: (id: string) => `/devices/${encodeURIComponent(id)}/commands`,
  events: (id: string) => `/devices/${encodeURIComponent(id)}/events`,
  alarms: () => "/alarms",
  uwb: () => "/uwb",
  messages: () => "/messages",
  admin: (section: string) => `/admin/${section}`,
} as const;

/** Whether there is a page for this pattern in this build. */
export function exists(pattern: string): boolean {
  return ROUTES.some((known) => known.pattern === pattern);
}

/** The page of an address, with the parts that its pattern names; `null` if there is none. */
export function match(pathname: string): { route: RouteDefinition; params: Record<string, string> } | null {
  for (const known of ROUTES) {
    const params = matchPattern(known.pattern, pathname);
    if (params !== null) return { route: known, params };
  }
  return null;
}

function matchPattern(pattern: string, pathname: string): Record<string, string> | null {
  const wanted = pattern.split("/").filter(Boolean);
  const found = pathname.split("/").filter(Boolean);
  if (wanted.length !== found.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const value = decoded(found[i] ?? "");
    if (part.startsWith(":") && value !== null) params[part.slice(1)] = value;
    else if (part !== value) return null;
  }
  // The one form of a device's name that the server knows.
  return params["id"] === undefined || /^[a-z0-9][a-z0-9_-]{0,62}$/.test(params["id"]) ? params : null;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

function route(
  pattern: string,
  needs: Role,
  load: Load,
  place: Pick<RouteDefinition, "nav" | "tab"> = {},
): RouteDefinition {
  return { pattern, needs, load, Page: lazy(load), ...place };
}
