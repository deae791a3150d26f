import { useCallback, useState } from "react";
import { fetchActions, type DeviceAction } from "../../api/actions";
import type { Command } from "../../api/commands";
import { Notice } from "../../components/Notice";
import { has } from "../../roles";
import type { PageProps } from "../../routes";
import { useUser } from "../../session";
import { fetchDevice, useRoom } from "../../telemetry";
import { DevicePage } from "../shared/DevicePage";
import { useRemote } from "../shared/useRemote";
import { ActionForm } from "./ActionForm";
import { CommandEntry } from "./CommandEntry";
import { useCommands } from "./useCommands";
import "../shared/shared.css";
import "./commands.css";

/** What a device can be asked to do, and what it was asked for. */
export default function CommandsPage({ params: { id = "" } }: PageProps) {
  return (
    <DevicePage deviceId={id} title="Commands">
      <Commands key={id} deviceId={id} />
    </DevicePage>
  );
}

function Commands({ deviceId }: { deviceId: string }) {
  const { commands, failure, more, loadMore, add } = useCommands(deviceId);
  const [sent, setSent] = useState<string | null>(null);
  const justSent = commands?.find(({ commandId }) => commandId === sent);
  const onSent = (command: Command) => {
    add(command);
    setSent(command.commandId);
  };
  return (
    <>
      {failure !== null && <Notice tone="bad" title={failure} />}
      <div className="commands">
        <Actions deviceId={deviceId} onSent={onSent} sent={justSent} />
        <section className="card panel" aria-label="History of commands">
          <h2 className="panel-title">Asked for so far</h2>
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

interface ActionsProps {
  deviceId: string;
  sent: Command | undefined;
  onSent: (command: Command) => void;
}

function Actions(props: ActionsProps) {
  const user = useUser();
  if (has(user, "operator")) return <ActionChoice {...props} />;
  return (
    <section className="card panel" aria-label="Send a command">
      <p className="muted">You may look, but not send commands: that takes the role operator.</p>
    </section>
  );
}

function ActionChoice({ deviceId, sent, onSent }: ActionsProps) {
  const user = useUser();
  const load = useCallback(
    async (signal: AbortSignal) => {
      const [actions, device] = await Promise.all([fetchActions(deviceId, signal), fetchDevice(deviceId, { signal })]);
      return { ...actions, online: device.online };
    },
    [deviceId],
  );
  const { data, failure, reload } = useRemote(load);
  const [chosen, setChosen] = useState<string | null>(null);
  // A device that comes back may take other commands than before.
  useRoom(`device/${deviceId}`, ({ type }) => {
    if (type === "device.status") reload();
  });
  const actions = (data?.actions ?? []).filter(({ needs }) => has(user, needs));
  const guessed = data !== null && !data.known;
  const action = actions.find(({ name }) => name === chosen);
  return (
    <section className="card panel" aria-label="Send a command">
      <h2 className="panel-title">Send a command</h2>
      {failure !== null && <p className="form-failure">{failure}</p>}
      {data !== null && actions.length === 0 && (
        <p className="muted">This device takes no commands: it has not connected yet, or its COMMANDS_ALLOW names none.</p>
      )}
      {guessed && <p className="muted small">The device has not said yet which of these it takes.</p>}
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
