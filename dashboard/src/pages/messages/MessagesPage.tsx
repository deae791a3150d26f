import { useMemo, useState } from "react";
import { Icon } from "../../components/Icon";
import { has } from "../../roles";
import { navigate, useLocation } from "../../router";
import { useUser } from "../../session";
import { useConnection, useMessages, useRoom, type NumberedFrame } from "../../telemetry";
import { useTitle } from "../../title";
import { CopyButton } from "../shared/CopyButton";
import { describe, matches, type Described } from "./frame";
import { MessageRow } from "./MessageRow";
import "../shared/shared.css";
import "./messages.css";

/** Frames that are kept, and of those that pass the filter, the newest that are shown. */
const KEPT = 1_000;
const SHOWN = 200;
const ROOMS = ["fleet", "devices", "events", "alarms", "uwb"] as const;

/** Every frame between this page and the server, as it travels. */
export default function MessagesPage() {
  useTitle("Messages");
  const user = useUser();
  const { query } = useLocation();
  const { frames: live, total, clear } = useMessages(KEPT);
  const connection = useConnection();
  const [held, setHeld] = useState<readonly NumberedFrame[] | null>(null);
  const [types, setTypes] = useState<ReadonlySet<string>>(new Set());
  const [search, setSearch] = useState("");
  const [rooms, setRooms] = useState<ReadonlySet<string>>(() => new Set(["devices", "alarms"]));
  const device = query.get("device");
  const all = useMemo(() => (held ?? live).map(describe), [held, live]);
  const known = useMemo(() => countByType(all), [all]);
  const passing = useMemo(
    () => all.filter((frame) => matches(frame, types, search)),
    [all, types, search],
  );
  const shown = passing.slice(-SHOWN).toReversed();
  const missed = held === null ? 0 : total - (held.at(-1)?.number ?? total);

  return (
    <>
      {[...rooms].map((room) => (
        <Joined key={room} room={room} />
      ))}
      {device !== null && <Joined room={`device/${device}`} />}
      <div className="page-head">
        <h1>Messages</h1>
        <p className="page-note">
          What this page and the server say to each other{connection.status === "OPEN" ? "" : " (not connected)"}
        </p>
      </div>
      <section className="card panel" aria-label="Messages">
        <RoomChoice rooms={rooms} device={device} admin={has(user, "admin") && user.devices === null} onChange={setRooms} />
        <div className="message-tools">
          <button
            type="button"
            className="button button-compact"
            data-testid="messages-pause"
            aria-pressed={held !== null}
            onClick={() => setHeld(held === null ? live : null)}
          >
            <Icon name={held === null ? "pause" : "play"} size={16} /> {held === null ? "Pause" : "Go on"}
          </button>
          <button
            type="button"
            className="button button-compact"
            onClick={() => {
              clear();
              setHeld(null);
            }}
          >
            Clear
          </button>
          <CopyButton label="Copy what is shown" text={() => passing.map(({ frame }) => line(frame)).join("\n")} />
          <label className="message-search">
            <span className="visually-hidden">Only with this text</span>
            <input
              className="input"
              type="search"
              placeholder="Filter by text"
              value={search}
              data-testid="messages-search"
              onChange={(event) => setSearch(event.target.value)}
            />
          </label>
        </div>
        <TypeFilter known={known} chosen={types} onChange={setTypes} />
        <p className="muted small" role="status">
          {passing.length === all.length ? `${all.length} frames` : `${passing.length} of ${all.length} frames`}
          {total > KEPT && `, the last ${KEPT} of ${total} are kept`}
          {passing.length > SHOWN && `, the newest ${SHOWN} are shown`}
          {missed > 0 && `, ${missed} more came since the pause`}
        </p>
        <ul className="messages" data-testid="messages">
          {shown.map((described) => (
            <MessageRow key={described.frame.number} described={described} />
          ))}
        </ul>
        {all.length === 0 && <p className="nothing">Nothing has come yet.</p>}
      </section>
    </>
  );
}

/** In the room while it is there; what is told there shows as frames. */
function Joined({ room }: { room: string }) {
  useRoom(room, () => undefined);
  return null;
}

interface RoomChoiceProps {
  rooms: ReadonlySet<string>;
  device: string | null;
  admin: boolean;
  onChange: (rooms: ReadonlySet<string>) => void;
}

/** Which rooms of the event door are listened to. */
function RoomChoice({ rooms, device, admin, onChange }: RoomChoiceProps) {
  return (
    <div className="message-rooms">
      <fieldset className="picks">
        <legend className="labelled-title">Rooms</legend>
        {[...ROOMS, ...(admin ? ["audit"] : [])].map((room) => (
          <label key={room} className={`pick ${rooms.has(room) ? "is-on" : ""}`}>
            <input type="checkbox" checked={rooms.has(room)} onChange={() => onChange(toggled(rooms, room))} />
            {room}
          </label>
        ))}
      </fieldset>
      <form
        className="message-device"
        onSubmit={(event) => {
          event.preventDefault();
          const id = String(new FormData(event.currentTarget).get("device")).trim();
          navigate(id === "" ? location.pathname : `${location.pathname}?device=${encodeURIComponent(id)}`, { replace: true });
        }}
      >
        <label className="labelled">
          <span className="labelled-title">and of one device</span>
          <input
            className="input"
            name="device"
            defaultValue={device ?? ""}
            placeholder="ems_001"
            pattern="[a-z0-9][a-z0-9_\-]{0,62}"
            title="a-z, 0-9, _ and -"
            autoCapitalize="none"
            spellCheck={false}
            data-testid="messages-device"
          />
        </label>
        <button type="submit" className="button">
          Listen
        </button>
      </form>
    </div>
  );
}

interface TypeFilterProps {
  known: readonly (readonly [type: string, count: number])[];
  chosen: ReadonlySet<string>;
  onChange: (types: ReadonlySet<string>) => void;
}

function TypeFilter({ known, chosen, onChange }: TypeFilterProps) {
  return (
    <fieldset className="picks" data-testid="messages-types">
      <legend className="labelled-title">Only of type</legend>
      {known.map(([type, count]) => (
        <label key={type} className={`pick ${chosen.has(type) ? "is-on" : ""}`}>
          <input type="checkbox" checked={chosen.has(type)} onChange={() => onChange(toggled(chosen, type))} />
          <bdi>{type}</bdi> <span className="muted">{count}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Types in alphabetical order; a chosen one that is gone stays for as long as it is chosen elsewhere. */
function countByType(all: readonly Described[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { type } of all) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].toSorted(([a], [b]) => a.localeCompare(b)).slice(0, 60);
}

function toggled(set: ReadonlySet<string>, member: string): ReadonlySet<string> {
  const next = new Set(set);
  if (!next.delete(member)) next.add(member);
  return next;
}

function line({ direction, atMs, text }: NumberedFrame): string {
  return `${new Date(atMs).toISOString()} ${direction === "in" ? "<" : ">"} ${text}`;
}
