import type { Alarm } from "../../telemetry";
import { alarmWords } from "./alarmWords";

export type NoticeState = "unsupported" | "denied" | "on" | "off";

const KEY = "ems-notify";
const listeners = new Set<() => void>();

/** Notifications of the browser: only after the user asked for them here and allowed them there. */
export const notices = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },

  getState(): NoticeState {
    // Only pages with TLS or on loopback have notifications.
    if (!("Notification" in globalThis)) return "unsupported";
    if (Notification.permission === "denied") return "denied";
    return Notification.permission === "granted" && wanted() ? "on" : "off";
  },

  async choose(on: boolean): Promise<void> {
    // Browsers ask only when a person has just done something.
    if (on && Notification.permission === "default") await Notification.requestPermission();
    try {
      localStorage.setItem(KEY, on ? "on" : "off");
    } catch {
      // Without storage there is no choice to remember, and nothing is shown.
    }
    for (const listener of listeners) listener();
  },

  /** Shows an alarm while the page is not looked at. A second telling of the same alarm replaces the first. */
  show(alarm: Alarm): void {
    if (notices.getState() !== "on" || !document.hidden) return;
    const { device, text } = alarmWords(alarm);
    try {
      const notification = new Notification(`${device.slice(0, 100)}: ${alarm.name.slice(0, 100)}`, {
        body: text.slice(0, 300),
        tag: `ems-alarm-${alarm.id}`,
      });
      notification.addEventListener("click", () => {
        focus();
        notification.close();
      });
    } catch {
      // Browsers of phones want a service worker for it: there the title and the banner have to do.
    }
  },
};

function wanted(): boolean {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false;
  }
}
