import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from "react";

/** What the address asks for. */
export type Route = { page: "devices" } | { page: "live"; deviceId: string } | { page: "unknown" };

/** The page of an address: `/`, `/devices` or `/devices/<device_id>`. */
export function toRoute(pathname: string): Route {
  if (pathname === "/" || /^\/devices\/?$/.test(pathname)) return { page: "devices" };
  const deviceId = /^\/devices\/([a-z0-9][a-z0-9_-]{0,62})\/?$/.exec(pathname)?.[1];
  return deviceId === undefined ? { page: "unknown" } : { page: "live", deviceId };
}

export function useRoute(): Route {
  return toRoute(useSyncExternalStore(subscribe, () => location.pathname));
}

/** The address of a device's Live view. */
export function livePath(deviceId: string): string {
  return `/devices/${encodeURIComponent(deviceId)}`;
}

/** A link within the page; a click with a modifier key keeps its usual meaning. */
export function Link({ href, onClick, children, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!plain || event.defaultPrevented) return;
    event.preventDefault();
    history.pushState(null, "", href);
    // pushState is silent: the pages listen for one event, whoever moved.
    dispatchEvent(new PopStateEvent("popstate"));
    scrollTo(0, 0);
  };
  return (
    <a href={href} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

function subscribe(listener: () => void): () => void {
  addEventListener("popstate", listener);
  return () => removeEventListener("popstate", listener);
}
