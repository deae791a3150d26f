import { useCallback, useState } from "react";
import { acknowledge, fetchAlarms } from "../../api/alarms";
import { Notice } from "../../components/Notice";
import { has } from "../../roles";
import { Link } from "../../router";
import { paths } from "../../routes";
import { useUser } from "../../session";
import { toAlarm, useAlarms, useDoor, useRoom, type Alarm } from "../../telemetry";
import { useTick } from "../../useTick";
import { SeverityMark } from "../shared/Severity";
import { Ago, Stamp } from "../shared/Stamp";
import { UserText } from "../shared/UserText";
import { useAction, useRemote } from "../shared/useRemote";
import { alarmWords } from "./alarmWords";

/** Alarms: those whose cause is there, or all of the past too. */
export function AlarmList() {
  const [all, setAll] = useState(false);
  return (
    <section className="card panel" aria-label="Alarms">
      <header className="panel-head">
        <div className="segmented" role="group" aria-label="Show">
          <button type="button" className="segment" aria-pressed={!all} onClick={() => setAll(false)}>
            Now
          </button>
          <button type="button" className="segment" aria-pressed={all} data-testid="alarms-all" onClick={() => setAll(true)}>
            With those that are over
          </button>
        </div>
      </header>
      {all ? <All /> : <Now />}
    </section>
  );
}

function Now() {
  const { ready, active } = useAlarms();
  return <Entries alarms={ready ? active : null} nothing="No alarm. All is well as far as the rules tell." />;
}

function All() {
  const load = useCallback((signal: AbortSignal) => fetchAlarms(signal), []);
  const { data, failure, reload, update } = useRemote(load);
  useRoom("alarms", ({ type, payload }) => {
    if (type === "subscribed") reload();
    const alarm = type === "alarm" ? toAlarm(payload) : null;
    if (alarm !== null) update((alarms) => put(alarms, alarm));
  });
  return (
    <>
      {failure !== null && <Notice tone="bad" title={failure} />}
      <Entries alarms={data} nothing="There has never been an alarm." />
    </>
  );
}

/** The list with `alarm` in the place of what it was before. */
export function put(alarms: readonly Alarm[], alarm: Alarm): Alarm[] {
  return [alarm, ...alarms.filter(({ id }) => id !== alarm.id)].toSorted((a, b) => b.id - a.id);
}

function Entries({ alarms, nothing }: { alarms: readonly Alarm[] | null; nothing: string }) {
  useTick(1_000);
  const door = useDoor();
  if (alarms === null) return <p className="nothing">Loading…</p>;
  if (alarms.length === 0) return <p className="nothing">{nothing}</p>;
  return (
    <ul className="alarms" data-testid="alarms">
      {alarms.map((alarm) => (
        <Entry key={alarm.id} alarm={alarm} nowMs={door.clock.now()} />
      ))}
    </ul>
  );
}

function Entry({ alarm, nowMs }: { alarm: Alarm; nowMs: number }) {
  const { id, device_id: deviceId, name, severity, raised_at: raised, cleared_at: cleared } = alarm;
  const { device, text, codes } = alarmWords(alarm);
  const over = cleared !== null;
  return (
    <li className={`alarm ${over ? "is-over" : ""}`} data-testid="alarm" data-alarm={id} data-over={over}>
      <SeverityMark severity={severity} />
      <div className="alarm-text">
        <p className="alarm-title">
          <Link href={paths.live(deviceId)} title={deviceId}>
            <bdi>{device.slice(0, 100)}</bdi>
          </Link>{" "}
          <UserText limit={100}>{name}</UserText>
        </p>
        <p>
          <UserText>{text}</UserText>
          {codes.length > 0 && (
            <>
              {" "}
              <code>
                <UserText limit={100}>{codes.join(", ")}</UserText>
              </code>
            </>
          )}
        </p>
        <p className="muted small">
          Since <Stamp ms={Date.parse(raised)} /> (<Ago ms={Date.parse(raised)} nowMs={nowMs} />)
          {cleared !== null && (
            <>
              , over since <Stamp ms={Date.parse(cleared)} />
            </>
          )}
        </p>
      </div>
      <Acknowledgement alarm={alarm} />
    </li>
  );
}

/** Who has seen it; or the button that says that the user has. */
function Acknowledgement({ alarm }: { alarm: Alarm }) {
  const user = useUser();
  const [mine, setMine] = useState<Alarm | null>(null);
  const seeing = useAction(async () => setMine(await acknowledge(alarm.id)));
  const { acknowledged_at: at, acknowledged_by: by } = alarm.acknowledged_at === null && mine !== null ? mine : alarm;
  if (at !== null) {
    return (
      <p className="alarm-seen muted small" data-testid="acknowledged">
        Acknowledged by <UserText limit={64}>{by ?? "somebody"}</UserText>, <Stamp ms={Date.parse(at)} />
      </p>
    );
  }
  if (!has(user, "operator")) return <p className="alarm-seen muted small">Not acknowledged</p>;
  return (
    <div className="alarm-seen">
      <button
        type="button"
        className="button button-compact"
        data-testid="acknowledge"
        aria-disabled={seeing.busy}
        onClick={() => void seeing.run()}
      >
        Acknowledge
      </button>
      <p className="form-failure" role="alert">
        {seeing.failure}
      </p>
    </div>
  );
}
