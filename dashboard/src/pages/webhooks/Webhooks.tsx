import { useCallback, useState, type FormEvent } from "react";
import {
  addWebhook,
  fetchWebhooks,
  removeWebhook,
  setWebhookEnabled,
  testWebhook,
  WEBHOOK_EVENTS,
  type Webhook,
} from "../../api/webhooks";
import { Dot } from "../../components/Dot";
import { Notice } from "../../components/Notice";
import { toDeviceIds } from "../admin/RoleHint";
import { Copyable, OnceDialog } from "../shared/OnceDialog";
import { useConfirmed } from "../shared/useConfirmed";
import { ShortText } from "../shared/UserText";
import { useAction, useRemote } from "../shared/useRemote";
import { Deliveries } from "./Deliveries";

/** Addresses that are told of alarms and events. */
export function Webhooks() {
  const load = useCallback((signal: AbortSignal) => fetchWebhooks(signal), []);
  const { data, failure, reload } = useRemote(load);
  const [secret, setSecret] = useState<string | null>(null);
  return (
    <>
      {failure !== null && <Notice tone="bad" title={failure} />}
      <AddWebhook
        onAdded={(added) => {
          setSecret(added);
          reload();
        }}
      />
      <section className="card panel" aria-label="Webhooks">
        <h2 className="panel-title">Webhooks</h2>
        {data !== null && data.length === 0 && <p className="nothing">None yet.</p>}
        <ul className="webhooks">
          {data?.map((webhook) => <Entry key={webhook.id} webhook={webhook} onChanged={reload} />)}
        </ul>
      </section>
      {secret !== null && <SecretOnce secret={secret} onClose={() => setSecret(null)} />}
    </>
  );
}

function AddWebhook({ onAdded }: { onAdded: (secret: string) => void }) {
  const adding = useAction(async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const devices = toDeviceIds(String(data.get("devices")));
    const secret = await addWebhook({
      name: String(data.get("name")).trim(),
      url: String(data.get("url")).trim(),
      events: WEBHOOK_EVENTS.filter((event) => data.get(event) !== null),
      ...(devices !== null && { device_ids: devices }),
    });
    form.reset();
    onAdded(secret);
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void adding.run(event.currentTarget);
  };
  return (
    <form className="card panel" onSubmit={submit} aria-label="New webhook" data-testid="new-webhook">
      <h2 className="panel-title">New webhook</h2>
      <p className="muted small">
        The server POSTs JSON there, signed (Standard Webhooks: headers webhook-id, webhook-timestamp, webhook-signature),
        and tries again for a day if nobody takes it.
      </p>
      <div className="form-row">
        <label className="labelled labelled-grow">
          <span className="labelled-title">Name</span>
          <input className="input" name="name" required maxLength={200} autoComplete="off" />
        </label>
        <label className="labelled labelled-grow">
          <span className="labelled-title">Address</span>
          <input className="input" name="url" type="url" required placeholder="https://…" autoComplete="off" />
        </label>
        <label className="labelled labelled-grow">
          <span className="labelled-title">Only of these devices (empty: all)</span>
          <input className="input" name="devices" placeholder="ems_001, ems_002" autoCapitalize="none" spellCheck={false} />
        </label>
      </div>
      <fieldset className="picks">
        <legend className="labelled-title">Tell it of</legend>
        {WEBHOOK_EVENTS.map((event) => (
          <label key={event} className="check">
            <input type="checkbox" name={event} defaultChecked={event !== "device.event"} /> {event}
          </label>
        ))}
      </fieldset>
      <div>
        <button type="submit" className="button button-main" aria-disabled={adding.busy}>
          Add
        </button>
      </div>
      <p className="form-failure" role="alert">
        {adding.failure}
      </p>
    </form>
  );
}

function Entry({ webhook, onChanged }: { webhook: Webhook; onChanged: () => void }) {
  const { id, name, url, events, enabled, deviceIds, groups, pending } = webhook;
  const only = [...deviceIds, ...groups].slice(0, 20).join(", ");
  const [open, setOpen] = useState(false);
  const [tested, setTested] = useState(0);
  const test = useAction(async () => {
    await testWebhook(id);
    setTested((n) => n + 1);
    setOpen(true);
  });
  const toggle = useAction(async () => {
    await setWebhookEnabled(id, !enabled);
    onChanged();
  });
  const removing = useConfirmed(
    async (removed: Webhook) => {
      await removeWebhook(removed.id);
      onChanged();
    },
    (removed) => ({
      title: "Remove this webhook?",
      action: "Remove",
      children: (
        <p>
          <ShortText>{removed.name}</ShortText> is told nothing more; what waits to be delivered is dropped.
        </p>
      ),
    }),
  );
  const named = <span className="visually-hidden"> {name.slice(0, 80)}</span>;
  return (
    <li className="webhook" data-testid="webhook">
      <div className="webhook-head">
        <div className="webhook-text">
          <p>
            <Dot tone={enabled ? "good" : "idle"} />{" "}
            <strong>
              <ShortText>{name}</ShortText>
            </strong>
            {!enabled && <span className="muted"> off</span>}
          </p>
          <p className="muted small">
            <ShortText limit={120}>{url}</ShortText>
          </p>
          <p className="muted small">
            {events.map((event) => event.slice(0, 60)).join(", ")}
            {only !== "" && `, only of ${only}`}
            {pending > 0 && `, ${pending} waiting`}
          </p>
        </div>
        <div className="row-buttons">
          <button type="button" className="button" aria-disabled={test.busy} data-testid="webhook-test" onClick={() => void test.run()}>
            Test{named}
          </button>
          <button type="button" className="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            Deliveries{named}
          </button>
          <button type="button" className="button" aria-disabled={toggle.busy} onClick={() => void toggle.run()}>
            {enabled ? "Turn off" : "Turn on"}
            {named}
          </button>
          <button type="button" className="button" onClick={() => removing.ask(webhook)}>
            Remove{named}
          </button>
        </div>
      </div>
      <p className="form-failure" role="alert">
        {test.failure ?? toggle.failure}
      </p>
      {open && <Deliveries key={tested} id={id} />}
      {removing.dialog}
    </li>
  );
}

function SecretOnce({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <OnceDialog title="The webhook's secret" promise="The secret is where it belongs" onClose={onClose}>
      <p>It proves that a message is from this server. This is the only time that it is shown.</p>
      <Copyable title="Secret" text={secret} testId="webhook-secret" />
    </OnceDialog>
  );
}
