import { request } from "../api";
import type { Role } from "../roles";
import { isObject } from "../telemetry";
import { ROLES } from "./admin";
import { devicePath, listOf, text, type Json } from "./read";

/** What an action changes: nothing, how the device works, or something that a person beside it sees or touches. */
export type Effect = "none" | "device" | "hardware";

/** Something a device can be asked to do. */
export interface DeviceAction {
  /** Such as `SET_MODE`. */
  name: string;
  title: string;
  /** What it does, in a sentence. */
  summary: string;
  /** The least role that may ask for it. */
  needs: Role;
  effect: Effect;
  /** JSON Schema of its payload. */
  schema: Json;
}

export interface Actions {
  /** The device itself has said which it takes; otherwise all are listed. */
  known: boolean;
  actions: DeviceAction[];
}

/** The actions that a device takes, as it said when it connected. */
export async function fetchActions(deviceId: string, signal: AbortSignal): Promise<Actions> {
  const body = await request("GET", devicePath(deviceId, "/actions"), { signal });
  return { known: isObject(body) && body["known"] === true, actions: listOf(body, "actions", toAction) };
}

function toAction(json: Json): DeviceAction | null {
  const name = text(json["action"]);
  if (name === null) return null;
  return {
    name,
    title: sentenceCase(name),
    summary: text(json["summary"]) ?? "",
    needs: ROLES.find((role) => role === json["role"]) ?? "admin",
    // What is not known to be harmless is asked about.
    effect: json["effect"] === "none" || json["effect"] === "device" ? json["effect"] : "hardware",
    schema: isObject(json["payload"]) ? json["payload"] : {},
  };
}

/** "SET_MODE" as "Set mode". */
function sentenceCase(constant: string): string {
  return constant.charAt(0) + constant.slice(1).toLowerCase().replaceAll("_", " ");
}
