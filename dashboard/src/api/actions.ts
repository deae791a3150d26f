import { request } from "../api";
import { isObject } from "../telemetry";
import type { Role } from "../roles";
import { ROLES } from "./admin";
import { devicePath, listOf, text, type Json } from "./read";

/** Something a device can be asked to do. */
export interface DeviceAction {
  /** Such as `SET_MODE`. */
  name: string;
  title: string;
  /** What it does, in a sentence. */
  summary: string;
  /** The least role that may ask for it. */
  needs: Role;
  /** It switches something, restarts something or changes how the device works: ask before. */
  confirm: boolean;
  /** JSON Schema of its payload. */
  schema: Json;
}

/** The actions that a device takes at present, as it said itself when it connected. */
export async function fetchActions(deviceId: string, signal: AbortSignal): Promise<DeviceAction[]> {
  return listOf(await request("GET", devicePath(deviceId, "/actions"), { signal }), "actions", toAction);
}

function toAction(json: Json): DeviceAction | null {
  const name = text(json["action"]) ?? text(json["name"]);
  if (name === null) return null;
  return {
    name,
    title: text(json["title"]) ?? sentenceCase(name),
    summary: text(json["summary"]) ?? text(json["description"]) ?? "",
    needs: ROLES.find((role) => role === json["needs"]) ?? "operator",
    confirm: json["confirm"] === true || json["hardware"] === true,
    schema: isObject(json["schema"]) ? json["schema"] : isObject(json["payload"]) ? json["payload"] : {},
  };
}

/** "SET_MODE" as "Set mode". */
function sentenceCase(constant: string): string {
  return constant.charAt(0) + constant.slice(1).toLowerCase().replaceAll("_", " ");
}
