import { useCallback, useState, type FormEvent } from "react";
import {
  addDevice,
  changeDevice,
  fetchRegistry,
  removeDevice,
  replaceToken,
  type Registered,
  type Secret,
} from "../../api/admin";
import { time } from "../../api/read";
import { Dot } from "../../components/Dot";
import { Notice } from "../../components/Notice";
import { Link } from "../../router";
import { paths } from "../../routes";
import { useRoom, type DoorMessage } from "../../telemetry";
import { Confirm } from "../shared/Dialog";
import { Stamp } from "../shared/Stamp";
import { ShortText } from "../shared/UserText";
import { useBatch } from "../shared/useBatch";
import { useAction, useRemote } from "../shared/useRemote";
import { RenameDialog } from "./RenameDialog";
import { SecretDialog } from "./SecretDialog";

/** Rows shown at first; a search finds the others. */
const SHOWN = 100;

type Question = { kind: "token" | "disable" | "remove" | "rename"; device: Registered };

/** The registry: a device gets its identity here, and loses it. */
export function Devices() {
  const load = useCallback((signal: AbortSignal) => fetchRegistry(signal), []);
  const { data, failure, reload, update } = useRemote(load);
  const [secret, setSecret] = useState<Secret | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  const [search, setSearch] = useState("");
  const tell = useBatch<DoorMessage>((messages) => update((devices) => withPresence(devices, messages)));
  useRoom("devices", tell);

  const done = () => {
    setQuestion(null);
    reload();
  };
  const enable = useAction(async (device: Registered) => {
    await changeDevice(device.deviceId, { enabled: true });
    reload();
  });
  const found = (data ?? []).filter(({ deviceId, name }) =>
    `${deviceId} ${name ?? ""}`.toLowerCase().includes(search.trim().toLowerCase()),
  );
  const conflicts = (data ?? []).filter(({ conflictMs }) => conflictMs !== null);
  return (
    <>
      {failure !== null && <Notice tone="bad" title={failure} />}
      {enable.failure !== null && <Notice tone="bad" title={enable.failure} />}
      <AddDevice
        onAdded={(added) => {
          setSecret(added);
          reload();
        }}
      />
      {conflicts.length > 0 && <Conflicts devices={conflicts} />}
      <section className="card panel" aria-label="Devices">
        <header className="panel-head">
          <h2 className="panel-title">
            Devices <span className="muted small">{data?.length ?? ""}</span>
          </h2>
          <input
            className="input search"
            type="search"
            placeholder="Search"
            aria-label="Search devices"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </header>
        {found.length > 0 && (
          <table className="table">
            <thead>
              <tr>
                <th>Device</th>
                <th>State</th>
                <th>Last heard of</th>
                <th>
                  <span className="visually-hidden">What can be done</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, SHOWN).map((device) => (
                <DeviceEntry
                  key={device.deviceId}
                  device={device}
                  onAsk={(kind) => (kind === "enable" ? void enable.run(device) : setQuestion({ kind, device }))}
                />
              ))}
            </tbody>
          </table>
        )}
        {data !== null && found.length === 0 && <p className="nothing">{data.length === 0 ? "No device yet." : "No device of that name."}</p>}
        {found.length > SHOWN && <p className="muted small">{found.length - SHOWN} more: search for them.</p>}
      </section>
      {question !== null && question.kind === "rename" && (
        <RenameDialog device={question.device} onDone={done} onCancel={() => setQuestion(null)} />
      )}
      {question !== null && question.kind !== "rename" && (
        <Asked
          question={{ kind: question.kind, device: question.device }}
          onCancel={() => setQuestion(null)}
          onSecret={(replaced) => {
            setSecret(replaced);
            done();
          }}
          onDone={done}
        />
      )}
      {secret !== null && <SecretDialog secret={secret} onClose={() => setSecret(null)} />}
    </>
  );
}

/** The registry with what was just told of its devices. */
function withPresence(devices: readonly Registered[], messages: readonly DoorMessage[]): Registered[] {
  const told = new Map(messages.map(({ type, payload }) => [payload["device_id"], { type, payload }]));
  return devices.flatMap((device) => {
    const { type, payload } = told.get(device.deviceId) ?? { type: "", payload: {} };
    if (type === "device.removed") return [];
    if (type !== "device.status") return [device];
    return [
      {
        ...device,
        online: payload["online"] === true,
        lastSeenMs: time(payload["last_seen"]) ?? device.lastSeenMs,
        conflictMs: time(payload["conflict"]) ?? device.conflictMs,
      },
    ];
  });
}

function AddDevice({ onAdded }: { onAdded: (secret: Secret) => void }) {
  const adding = useAction(async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const name = String(data.get("name")).trim();
    const secret = await addDevice(String(data.get("device_id")).trim(), name === "" ? null : name);
    form.reset();
    onAdded(secret);
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void adding.run(event.currentTarget);
  };
  return (
    <form className="card panel" onSubmit={submit} aria-label="New device">
      <h2 className="panel-title">New device</h2>
      <div className="form-row">
        <label className="labelled labelled-grow">
          <span className="labelled-title">Device id</span>
          <input
            className="input"
            name="device_id"
            data-testid="new-device-id"
            required
            pattern="[a-z0-9][a-z0-9_\-]{0,62}"
            title="1 to 63 of a-z, 0-9, _ and -, a letter or digit first"
            placeholder="ems_002"
            autoCapitalize="none"
            autoComplete="off"
            spellCheck={false}
          />
        </label>
        <label className="labelled labelled-grow">
          <span className="labelled-title">Name (optional)</span>
          <input className="input" name="name" data-testid="new-device-name" maxLength={200} placeholder="Barn, north wall" autoComplete="off" />
        </label>
        <button type="submit" className="button button-main" data-testid="add-device" aria-disabled={adding.busy}>
          Add
        </button>
      </div>
      <p className="form-failure" role="alert">
        {adding.failure}
      </p>
    </form>
  );
}

function Conflicts({ devices }: { devices: readonly Registered[] }) {
  return (
    <Notice tone="warn" title="Two machines use one identity">
      <p>A card was copied, it seems. Give one of the two a device of its own, or replace the token: only who has the new one connects.</p>
      <ul>
        {devices.map(({ deviceId, conflictMs }) => (
          <li key={deviceId}>
            <strong>{deviceId}</strong>
            {conflictMs !== null && (
              <>
                , last at <Stamp ms={conflictMs} />
              </>
            )}
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function DeviceEntry({ device, onAsk }: { device: Registered; onAsk: (kind: Question["kind"] | "enable") => void }) {
  const { deviceId, name, enabled, online, lastSeenMs, conflictMs } = device;
  const named = <span className="visually-hidden"> {deviceId}</span>;
  return (
    <tr data-testid="registry-row" data-device-id={deviceId}>
      <td className="cell-main">
        <div>
          <Link href={paths.live(deviceId)}>{deviceId}</Link>
          {name !== null && (
            <p className="muted small">
              <ShortText>{name}</ShortText>
            </p>
          )}
        </div>
      </td>
      <td data-label="State">
        <span className="device-state-cell">
          <Dot tone={!enabled ? "bad" : online ? "good" : "idle"} />
          {!enabled ? "disabled" : online ? "online" : "offline"}
          {conflictMs !== null && <span className="tag">conflict</span>}
        </span>
      </td>
      <td data-label="Last heard of">{lastSeenMs === null ? "never" : <Stamp ms={lastSeenMs} />}</td>
      <td>
        <div className="row-buttons">
          <button type="button" className="button" onClick={() => onAsk("rename")}>
            Rename{named}
          </button>
          <button type="button" className="button" onClick={() => onAsk("token")}>
            New token{named}
          </button>
          <button type="button" className="button" onClick={() => onAsk(enabled ? "disable" : "enable")}>
            {enabled ? "Disable" : "Enable"}
            {named}
          </button>
          <button type="button" className="button" onClick={() => onAsk("remove")}>
            Remove{named}
          </button>
        </div>
      </td>
    </tr>
  );
}

interface AskedProps {
  question: { kind: "token" | "disable" | "remove"; device: Registered };
  onCancel: () => void;
  onSecret: (secret: Secret) => void;
  onDone: () => void;
}

const QUESTIONS = {
  token: {
    title: "Replace the token?",
    action: "Replace the token",
    words: "The present token is refused from now on: the device stays away until it has the new one. A device that is online can get a new token without that by the command ROTATE_TOKEN.",
  },
  disable: {
    title: "Disable the device?",
    action: "Disable",
    words: "It is disconnected and refused until it is enabled again. Its data stays.",
  },
  remove: {
    title: "Remove the device?",
    action: "Remove for ever",
    words: "The device, its samples, events, commands and alarms are deleted. Nobody can bring them back.",
  },
} as const;

function Asked({ question: { kind, device }, onCancel, onSecret, onDone }: AskedProps) {
  const { title, action, words } = QUESTIONS[kind];
  const doing = useAction(async () => {
    if (kind === "token") return onSecret(await replaceToken(device.deviceId));
    if (kind === "disable") await changeDevice(device.deviceId, { enabled: false });
    else await removeDevice(device.deviceId);
    return onDone();
  });
  return (
    <Confirm title={title} action={action} busy={doing.busy} failure={doing.failure} onCancel={onCancel} onConfirm={() => void doing.run()}>
      <p>
        <strong>{device.deviceId}</strong>
        {device.name !== null && (
          <>
            {" "}
            (<ShortText>{device.name}</ShortText>)
          </>
        )}
      </p>
      <p>{words}</p>
    </Confirm>
  );
}
