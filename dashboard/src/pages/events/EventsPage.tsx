import { useCallback, useState } from "react";
import { fetchEvents } from "../../api/events";
import { Notice } from "../../components/Notice";
import type { PageProps } from "../../routes";
import { toDeviceEvent, useRoom, type DeviceEvent, type Severity } from "../../telemetry";
import { DevicePage } from "../shared/DevicePage";
import { SeverityMark } from "../shared/Severity";
import { dayOf, Stamp } from "../shared/Stamp";
import { UserText } from "../shared/UserText";
import { useRemote } from "../shared/useRemote";
import { withFirst } from "../shared/withFirst";
import "../shared/shared.css";
import "./events.css";

const PAGE = 100;
const MAX = 1_000;
const LEVELS = ["all", "warning", "error"] as const;
type Level = (typeof LEVELS)[number];

/** What a device told, day by day, the newest first. */
export default function EventsPage({ params: { id = "" } }: PageProps) {
  return (
    <DevicePage deviceId={id} title="Events">
      <Timeline key={id} deviceId={id} />
    </DevicePage>
  );
}

function Timeline({ deviceId }: { deviceId: string }) {
  const [limit, setLimit] = useState(PAGE);
  const [level, setLevel] = useState<Level>("all");
  const load = useCallback((signal: AbortSignal) => fetchEvents(deviceId, { limit }, signal), [deviceId, limit]);
  const { data, failure, reload, update } = useRemote(load);
  useRoom(`device/${deviceId}`, ({ type, payload }) => {
    // The room is joined again after a loss: what happened meanwhile is in the list.
    if (type === "subscribed") reload();
    const event = type === "device.event" ? toDeviceEvent(payload, deviceId) : null;
    if (event !== null) update((events) => withFirst(events, event, MAX));
  });
  const shown = (data ?? []).filter(({ severity }) => passes(severity, level));
  return (
    <section className="card panel" aria-label="Events">
      <header className="panel-head">
        <div className="segmented" role="group" aria-label="Show">
          {LEVELS.map((each) => (
            <button key={each} type="button" className="segment" aria-pressed={each === level} onClick={() => setLevel(each)}>
              {WORDS[each]}
            </button>
          ))}
        </div>
        <p className="muted small">{data === null ? "" : `${shown.length} shown`}</p>
      </header>
      {failure !== null && <Notice tone="bad" title={failure} />}
      {data !== null && shown.length === 0 && <p className="nothing">{level === "all" ? "This device has told of nothing yet." : "No event of this kind."}</p>}
      {byDay(shown).map(([day, events]) => (
        <section key={day} className="event-day">
          <h2 className="card-title">{day}</h2>
          <ul data-testid="events">
            {events.map((event, i) => (
              <EventEntry key={`${event.timestamp} ${event.code} ${i}`} event={event} />
            ))}
          </ul>
        </section>
      ))}
      {data !== null && data.length >= limit && limit < MAX && (
        <button type="button" className="button" onClick={() => setLimit((n) => Math.min(MAX, n + 200))}>
          Older ones
        </button>
      )}
    </section>
  );
}

const WORDS: Readonly<Record<Level, string>> = { all: "All", warning: "Warnings and errors", error: "Errors" };

function EventEntry({ event }: { event: DeviceEvent }) {
  const more = event.details ?? {};
  const details = Object.keys(more).length > 0 ? JSON.stringify(more, null, 2) : null;
  return (
    <li className="event" data-testid="event" data-code={event.code.slice(0, 64)}>
      <Stamp ms={Date.parse(event.timestamp)} />
      <SeverityMark severity={event.severity} />
      <div className="event-text">
        <p>
          <UserText>{event.message}</UserText>
        </p>
        <p className="muted small">
          <code>
            <UserText limit={80}>{event.code}</UserText>
          </code>
        </p>
        {details !== null && (
          <details className="event-details">
            <summary>Details</summary>
            <pre className="code-block">{details.slice(0, 20_000)}</pre>
          </details>
        )}
      </div>
    </li>
  );
}

function passes(severity: Severity, level: Level): boolean {
  return level === "all" || severity === "error" || severity === level;
}

/** Events of each local day, in the order they are in. */
export function byDay(events: readonly DeviceEvent[]): [day: string, events: DeviceEvent[]][] {
  const days = new Map<string, DeviceEvent[]>();
  for (const event of events) {
    const ms = Date.parse(event.timestamp);
    const day = Number.isNaN(ms) ? "Without a time" : dayOf(ms);
    days.set(day, [...(days.get(day) ?? []), event]);
  }
  return [...days];
}
