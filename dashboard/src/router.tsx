import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from "react";

/** The address within the page. */
export interface Location {
  pathname: string;
  /** What stands after the question mark; read it with `get`, change it with {@link setQuery}. */
  query: URLSearchParams;
}

export function useLocation(): Location {
  const href = useSyncExternalStore(subscribe, () => `${location.pathname}${location.search}`);
  const [pathname = "/", search = ""] = href.split("?", 2);
  return { pathname, query: new URLSearchParams(search) };
}

/** Goes to another page of this site. */
export function navigate(href: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  tell();
  if (!replace) {
    scrollTo(0, 0);
    // A reader's place is the new page, not the link that is gone.
    document.getElementById("content")?.focus({ preventScroll: true });
  }
}

/** Changes what stands after the question mark, so that a link restores the view; `null` takes a name out. */
export function setQuery(change: Record<string, string | null>): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  navigate(text === "" ? location.pathname : `${location.pathname}?${text}`, { replace: true });
}

/** A link within the site; a click with a modifier key keeps its usual meaning. */
export function Link({ href, onClick, children, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!plain || event.defaultPrevented) return;
    event.preventDefault();
    navigate(href);
  };
  return (
    <a href={href} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

function tell(): void {
  // The history is silent when a script moves it: the pages listen for one event, whoever moved.
  dispatchEvent(new PopStateEvent("popstate"));
}

function subscribe(listener: () => void): () => void {
  addEventListener("popstate", listener);
  return () => removeEventListener("popstate", listener);
}
