/**
 * Subscribes as `subscribe` does, but tells nothing while the page is hidden, and once when it is shown again: what
 * nobody sees need not be drawn.
 */
export function whenVisible(subscribe: (listener: () => void) => () => void): (listener: () => void) => () => void {
  return (listener) => {
    const tell = () => {
      if (!document.hidden) listener();
    };
    const unsubscribe = subscribe(tell);
    document.addEventListener("visibilitychange", tell);
    return () => {
      unsubscribe();
      document.removeEventListener("visibilitychange", tell);
    };
  };
}
