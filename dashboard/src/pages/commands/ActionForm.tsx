import { useId, useState, type FormEvent } from "react";
import type { DeviceAction } from "../../api/actions";
import { sendCommand, type Command } from "../../api/commands";
import type { Json } from "../../api/read";
import { Confirm } from "../shared/Dialog";
import { useAction } from "../shared/useRemote";
import { fieldsOf, payloadOf, type SchemaField } from "./schemaFields";

interface ActionFormProps {
  deviceId: string;
  action: DeviceAction;
  /** The device has no connection: the command waits until it is back, or its time is over. */
  waits: boolean;
  onSent: (command: Command) => void;
}

const LIFETIMES = [
  ["60", "1 minute"],
  ["600", "10 minutes"],
  ["3600", "1 hour"],
  ["86400", "1 day"],
] as const;

/** Asks for what an action needs, and sends it; what moves hardware only after a second look. */
export function ActionForm({ deviceId, action, waits, onSent }: ActionFormProps) {
  const fields = fieldsOf(action.schema);
  const [asked, setAsked] = useState<{ payload: Json; ttlS: number; commandId: string } | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const sending = useAction(async (payload: Json, ttlS: number, commandId: string) => {
    onSent(await sendCommand(deviceId, { action: action.name, payload, ttlS, commandId }));
    setAsked(null);
  });

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setWrong(null);
    let payload: Json;
    try {
      payload = payloadOf(action.schema, fields, (name) => String(form.get(`payload.${name}`) ?? ""));
    } catch (error) {
      return setWrong(error instanceof Error ? error.message : String(error));
    }
    const ttlS = Number(form.get("ttl"));
    // With an id of our own, a request that is repeated asks for nothing more.
    const commandId = newId();
    if (action.effect !== "none") setAsked({ payload, ttlS, commandId });
    else void sending.run(payload, ttlS, commandId);
  };

  return (
    <form className="form action-form" onSubmit={submit} data-testid="action-form" noValidate>
      {action.summary !== "" && <p className="muted">{action.summary}</p>}
      {fields.map((field) => (
        <SchemaInput key={field.name} field={field} />
      ))}
      <div className="form-row">
        <label className="labelled">
          <span className="labelled-title">Good for</span>
          <select className="input" name="ttl" defaultValue="60">
            {LIFETIMES.map(([seconds, words]) => (
              <option key={seconds} value={seconds}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" className="button button-main" data-testid="send-command" aria-disabled={sending.busy}>
          {sending.busy ? "Sending…" : action.effect === "none" ? action.title : `${action.title}…`}
        </button>
      </div>
      {waits && <p className="hint">The device is offline: it gets the command if it is back in that time.</p>}
      <p className="form-failure" role="alert">
        {wrong ?? (asked === null ? sending.failure : null)}
      </p>
      {asked !== null && (
        <Confirm
          title={`${action.title} on ${deviceId}?`}
          action={action.title}
          busy={sending.busy}
          failure={sending.failure}
          onCancel={() => setAsked(null)}
          onConfirm={() => void sending.run(asked.payload, asked.ttlS, asked.commandId)}
        >
          {action.summary !== "" && <p>{action.summary}</p>}
          {Object.keys(asked.payload).length > 0 && (
            <pre className="code-block">{JSON.stringify(asked.payload, null, 2)}</pre>
          )}
          <p className="muted">
            {action.effect === "hardware"
              ? "This switches or moves something at the device: be sure that nobody is harmed by it."
              : "This changes how the device works."}{" "}
            It is recorded with your name.
          </p>
        </Confirm>
      )}
    </form>
  );
}

function SchemaInput({ field }: { field: SchemaField }) {
  const hintId = useId();
  const common = {
    className: "input",
    name: `payload.${field.name}`,
    required: field.required,
    "aria-describedby": field.hint === "" ? undefined : hintId,
  };
  return (
    <label className="labelled">
      <span className="labelled-title">
        {field.title}
        {!field.required && <span className="muted"> (optional)</span>}
      </span>
      <Control field={field} common={common} />
      {field.hint !== "" && (
        <span id={hintId} className="hint">
          {field.hint}
        </span>
      )}
    </label>
  );
}

function Control({ field, common }: { field: SchemaField; common: { className: string; name: string; required: boolean } }) {
  switch (field.kind) {
    case "choice":
    case "boolean": {
      const choices = field.kind === "choice" ? field.choices.map((choice) => [String(choice), String(choice)]) : BOOLEANS;
      return (
        <select {...common} defaultValue={field.fallback}>
          {(!field.required || field.fallback === "") && <option value="">{field.required ? "choose" : "as it is"}</option>}
          {choices.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      );
    }
    case "json":
      return <textarea {...common} rows={3} spellCheck={false} defaultValue="" />;
    case "number":
    case "integer":
      return <input {...common} inputMode="decimal" placeholder={field.fallback || field.example} autoComplete="off" />;
    case "text":
      return <input {...common} placeholder={field.fallback || field.example} autoComplete="off" spellCheck={false} />;
  }
}

const BOOLEANS = [
  ["true", "on"],
  ["false", "off"],
];

function newId(): string {
  // Only pages with TLS or on loopback have randomUUID.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
