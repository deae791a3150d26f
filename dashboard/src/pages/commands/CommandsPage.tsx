import { useCallback, useState } from "react";
import { fetchActions, type DeviceAction } from "../../api/actions";
import { mayAct } from "../../api/roles";
import type { Command } from "../../api/commands";
import { Notice } from "../../components/Notice";
import { useSession } from "../../session";
import { fetchDevice } from "../../telemetry";
import { DeviceHead } from "../shared/DeviceHead";
import { useRemote } from "../shared/useRemote";
import { useRoom } from "../shared/useRoom";
import { ActionForm } from "./ActionForm";
import { CommandEntry } from "./CommandEntry";
import { useCommands } from "./useCommands";
import "../shared/shared.css";
import "./commands.css";

/** What a device can be asked to do, and what it was asked for. Give it the device's id as `key`. */
export function CommandsPage({ deviceId }: { deviceId: string }) {
  const { commands, failure, more, loadMore, add } = useCommands(deviceId);
  const [sent, setSent] = useState<string | null>(null);
  const justSent = commands?.find(({ commandId }) => commandId === sent);
  const onSent = (command: Command) => {
    add(command);
    setSent(command.commandId);
  };
  return (
    <>
      <DeviceHead deviceId={deviceId} tab="commands" />
      {failure !== null && <Notice tone="bad" title={failure} />}
      <div className="commands">
        <Actions deviceId={deviceId} onSent={onSent} sent={justSent} />
        <section className="card panel" aria-label="History of commands">
          <header className="panel-head">
            <h2 className="panel-title">Asked for so far</h2>
          </header>
          {commands !== null && commands.length === 0 && <p className="nothing">Nobody has sent this device a command.</p>}
          <ul className="command-list" data-testid="command-list">
            {commands?.map((command) => <CommandEntry key={command.commandId} command={command} />)}
          </ul>
          {more && (
            <button type="button" className="button" onClick={loadMore}>
              Older ones
            </button>
          )}
        </section>
      </div>
    </>
  );
}

function Actions({ deviceId, sent, onSent }: { deviceId: string; sent: Command | undefined; onSent: (command: Command) => void }) {
  const { state } = useSession();
  const role = state.phase === "in" ? state.user.role : "viewer";
  if (!mayAct(role, "operator")) {
    return (
      <section className="card panel" aria-label="Send a command">
        <p className="muted">You may look, but not send commands: that takes the role operator.</p>
      </section>
    );
  }
  return <ActionChoice deviceId={deviceId} role={role} sent={sent} onSent={onSent} />;
}

interface ActionChoiceProps {
  deviceId: string;
  role: string;
  sent: Command | undefined;
  onSent: (command: Command) => void;
}

function ActionChoice({ deviceId, role, sent, onSent }: ActionChoiceProps) {
  const load = useCallback(
    async (signal: AbortSignal) => {
      const [actions, device] = await Promise.all([fetchActions(deviceId, signal), fetchDevice(deviceId, { signal })]);
      return { actions, online: device.online };
    },
    [deviceId],
  );
  const { data, failure, reload } = useRemote(load);
  const [chosen, setChosen] = useState<string | null>(null);
  // A device that comes back may take other commands than before.
  useRoom(
    `device/${deviceId}`,
    useCallback(({ type }) => type === "device.status" && reload(), [reload]),
  );
  const actions = (data?.actions ?? []).filter(({ needs }) => mayAct(role, needs));
  const action = actions.find(({ name }) => name === chosen);
  return (
    <section className="card panel" aria-label="Send a command">
      <h2 className="panel-title">Send a command</h2>
      {failure !== null && <p className="form-failure">{failure}</p>}
      {data !== null && actions.length === 0 && (
        <p className="muted">This device takes no commands: it has not connected yet, or its COMMANDS_ALLOW names none.</p>
      )}
      <div className="action-choice" role="group" aria-label="Action">
        {actions.map((entry) => (
          <ActionButton key={entry.name} action={entry} chosen={entry.name === chosen} onChoose={setChosen} />
        ))}
      </div>
      {action !== undefined && (
        <ActionForm key={action.name} deviceId={deviceId} action={action} waits={data?.online === false} onSent={onSent} />
      )}
      {sent !== undefined && (
        <div className="just-sent" role="status" data-testid="just-sent">
          <ul>
            <CommandEntry key={sent.commandId} command={sent} open />
          </ul>
        </div>
      )}
    </section>
  );
}

function ActionButton({ action, chosen, onChoose }: { action: DeviceAction; chosen: boolean; onChoose: (name: string) => void }) {
  return (
    <button
      type="button"
      className="button button-compact"
      aria-pressed={chosen}
      data-testid={`action-${action.name}`}
      onClick={() => onChoose(action.name)}
    >
      {action.title}
    </button>
  );
}
