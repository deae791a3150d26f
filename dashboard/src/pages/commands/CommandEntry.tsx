import { useState } from "react";
import { isFinal, type Command, type CommandStatus } from "../../api/commands";
import { Dot, type Tone } from "../../components/Dot";
import { duration } from "../../format";
import { CopyButton } from "../shared/CopyButton";
import { Stamp } from "../shared/Stamp";
import { ShortText, UserText } from "../shared/UserText";

const WORDS: Readonly<Record<CommandStatus, { text: string; tone: Tone }>> = {
  CREATED: { text: "waits for the device", tone: "idle" },
  SENT: { text: "sent", tone: "idle" },
  ACCEPTED: { text: "accepted", tone: "idle" },
  IN_PROGRESS: { text: "in progress", tone: "idle" },
  SUCCEEDED: { text: "done", tone: "good" },
  FAILED: { text: "failed", tone: "bad" },
  REJECTED: { text: "rejected", tone: "bad" },
  TIMED_OUT: { text: "no answer in time", tone: "warn" },
};

/** A command: what, who, when, how far it is, and what came of it. */
export function CommandEntry({ command, open: initially = false }: { command: Command; open?: boolean }) {
  const [open, setOpen] = useState(initially);
  const { action, askedBy, issuedMs, status, reason } = command;
  const { text, tone } = WORDS[status];
  return (
    <li className="command" data-testid="command" data-action={action} data-status={status}>
      <button type="button" className="command-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className="command-action">
          <ShortText>{action}</ShortText>
        </span>
        <span className="command-status" data-testid="command-status">
          <Dot tone={tone} />
          {text}
        </span>
        <span className="command-who">
          <ShortText limit={40}>{askedBy}</ShortText>
        </span>
        <span className="command-when">
          <Stamp ms={issuedMs} />
        </span>
      </button>
      {!isFinal(status) && <Progress command={command} />}
      {reason !== null && (
        <p className="command-reason">
          {command.reasonCode !== null && <code>{command.reasonCode.slice(0, 60)}</code>} <UserText>{reason}</UserText>
        </p>
      )}
      {open && <Details command={command} />}
    </li>
  );
}

const STEPS = [
  ["asked for", "issuedMs"],
  ["sent", "sentMs"],
  ["accepted", "acceptedMs"],
  ["started", "startedMs"],
  ["finished", "finishedMs"],
] as const;

/** The way a command has gone so far. */
function Progress({ command }: { command: Command }) {
  return (
    <ol className="command-steps" aria-label="Progress">
      {STEPS.map(([words, key]) => (
        <li key={key} className={command[key] === null ? "" : "is-done"}>
          {words}
        </li>
      ))}
    </ol>
  );
}

function Details({ command }: { command: Command }) {
  const { payload, issuedMs, result, lateResult, commandId } = command;
  return (
    <div className="command-details">
      <dl className="command-times">
        {STEPS.map(([words, key]) => {
          const ms = command[key];
          return ms === null ? null : (
            <div key={key}>
              <dt>{words}</dt>
              <dd>
                <Stamp ms={ms} />
                {ms > issuedMs && <span className="muted"> after {elapsed(ms - issuedMs)}</span>}
              </dd>
            </div>
          );
        })}
      </dl>
      {Object.keys(payload).length > 0 && <JsonBlock title="Asked for" value={payload} />}
      {result !== undefined && result !== null && <JsonBlock title="Result" value={result} testId="command-result" />}
      {lateResult !== undefined && lateResult !== null && <JsonBlock title="Came after its time" value={lateResult} />}
      <p className="muted small">
        Id <code>{commandId.slice(0, 128)}</code>
      </p>
    </div>
  );
}

/** A longer text, such as a report, would hold up the page. */
const MAX_SHOWN = 200_000;

function JsonBlock({ title, value, testId }: { title: string; value: unknown; testId?: string }) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    <section>
      <header className="code-head">
        <h3 className="card-title">{title}</h3>
        <CopyButton text={text} />
      </header>
      {/* It scrolls: the keyboard has to reach it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className="code-block" data-testid={testId} tabIndex={0} aria-label={title}>
        {text.slice(0, MAX_SHOWN)}
      </pre>
    </section>
  );
}

function elapsed(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : duration(ms / 1_000);
}
