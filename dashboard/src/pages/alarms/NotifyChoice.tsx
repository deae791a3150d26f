import { useSyncExternalStore } from "react";
import { notices } from "./notices";

/** Whether this browser tells of new alarms while the page is behind others. */
export function NotifyChoice() {
  const state = useSyncExternalStore(notices.subscribe, notices.getState);
  switch (state) {
    case "unsupported":
      return null;
    case "denied":
      return (
        <p className="muted small">
          This browser does not let this page notify you. Its settings for this site can change that.
        </p>
      );
    case "on":
    case "off":
      return (
        <label className="check">
          <input
            type="checkbox"
            checked={state === "on"}
            data-testid="notify"
            onChange={(event) => void notices.choose(event.target.checked)}
          />
          Notify me of new alarms in this browser while this page is open in the background
        </label>
      );
  }
}
