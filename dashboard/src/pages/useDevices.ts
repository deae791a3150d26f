import { useEffect, useState } from "react";
import * as api from "../api";
import { useSession } from "../session";
import { Backoff, ServerClock, type DeviceSummary } from "../telemetry";

/** The list of devices as last told by the server. */
export interface Devices {
  /** `null` before the first answer. */
  devices: DeviceSummary[] | null;
  /** Why the list is not up to date; `null` if it is. */
  failure: string | null;
  /** Server time when the list came, Unix ms. */
  updatedMs: number | null;
  clock: ServerClock;
}

const INTERVAL_MS = 2_000;

/** Asks for the devices every two seconds while the page is visible. */
export function useDevices(): Devices {
  const { ended } = useSession();
  const [clock] = useState(() => new ServerClock());
  const [state, setState] = useState<Omit<Devices, "clock">>({ devices: null, failure: null, updatedMs: null });

  useEffect(() => {
    const aborted = new AbortController();
    const backoff = new Backoff({ baseMs: INTERVAL_MS });
    let timer: ReturnType<typeof setTimeout> | undefined;
    let running = false;

    const update = async () => {
      clearTimeout(timer);
      if (running || document.hidden) return;
      running = true;
      let waitMs = INTERVAL_MS;
      try {
        const devices = await api.devices({ signal: aborted.signal, clock });
        setState({ devices, failure: null, updatedMs: clock.now() });
        backoff.reset();
      } catch (error) {
        if (aborted.signal.aborted) return;
        if (api.isLoggedOut(error)) return ended();
        const failure = error instanceof Error ? error.message : String(error);
        setState((before) => ({ ...before, failure }));
        waitMs = backoff.next(INTERVAL_MS / 2);
      }
      running = false;
      if (!aborted.signal.aborted) timer = setTimeout(() => void update(), waitMs);
    };

    const resume = () => void update();
    document.addEventListener("visibilitychange", resume);
    addEventListener("online", resume);
    void update();
    return () => {
      aborted.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", resume);
      removeEventListener("online", resume);
    };
  }, [clock, ended]);

  return { ...state, clock };
}
