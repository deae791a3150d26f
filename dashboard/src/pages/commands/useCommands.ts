import { useCallback, useMemo, useState } from "react";
import { fetchCommands, later, toCommand, type Command } from "../../api/commands";
import { useRoom } from "../../telemetry";
import { useRemote } from "../shared/useRemote";

/** The commands of a device, newest first, as they stand now. */
export interface Commands {
  /** `null` before the first answer. */
  commands: Command[] | null;
  failure: string | null;
  /** Whether older ones may be had. */
  more: boolean;
  loadMore: () => void;
  /** Takes note of one that was just sent. */
  add: (command: Command) => void;
}

const PAGE = 50;
const MAX = 1_000;
/** Commands heard of since the page opened; more are in the list that is fetched. */
const MAX_HEARD = 200;

export function useCommands(deviceId: string): Commands {
  const [limit, setLimit] = useState(PAGE);
  const [heard, setHeard] = useState<ReadonlyMap<string, Command>>(new Map());
  const load = useCallback((signal: AbortSignal) => fetchCommands(deviceId, limit, signal), [deviceId, limit]);
  const { data, failure, reload } = useRemote(load);

  const add = useCallback((command: Command) => {
    setHeard((before) => {
      const known = before.get(command.commandId);
      const next = new Map(before).set(command.commandId, known === undefined ? command : later(known, command));
      const oldest = next.keys().next().value;
      if (next.size > MAX_HEARD && oldest !== undefined) next.delete(oldest);
      return next;
    });
  }, []);

  useRoom(`device/${deviceId}`, ({ type, payload }) => {
    // The room is joined again after a loss: what happened meanwhile is in the list.
    if (type === "subscribed") return reload();
    const command = type === "command.status" ? toCommand(payload) : null;
    if (command?.deviceId === deviceId) add(command);
  });

  const commands = useMemo(() => {
    if (data === null) return null;
    const all = new Map(data.map((command) => [command.commandId, command]));
    for (const command of heard.values()) {
      const listed = all.get(command.commandId);
      all.set(command.commandId, listed === undefined ? command : later(listed, command));
    }
    return [...all.values()].toSorted((a, b) => b.issuedMs - a.issuedMs);
  }, [data, heard]);

  const more = data !== null && data.length >= limit && limit < MAX;
  const loadMore = useCallback(() => setLimit((n) => Math.min(MAX, n + 150)), []);
  return { commands, failure, more, loadMore, add };
}
