import { isObject, type NumberedFrame } from "../../telemetry";

/** A frame and what can be told of it. */
export interface Described {
  frame: NumberedFrame;
  type: string;
  /** What it is about, if it says so: a device, a room. */
  about: string;
}

const MAX_TYPE = 60;
/** A frame does not change: it is read once. */
const READ = new WeakMap<NumberedFrame, Described>();

export function describe(frame: NumberedFrame): Described {
  const known = READ.get(frame);
  if (known !== undefined) return known;
  const described = { frame, ...(frame.cutFrom === undefined ? typeOf(frame.text) : beginningOf(frame.text)) };
  READ.set(frame, described);
  return described;
}

/** Whether a frame is of one of these types (of any, if none is named) and contains the text. */
export function matches({ frame, type }: Described, types: ReadonlySet<string>, search: string): boolean {
  if (types.size > 0 && !types.has(type)) return false;
  return search === "" || frame.text.toLowerCase().includes(search.toLowerCase());
}

/** The JSON with line breaks; the text itself if it is none. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Of a frame that is cut: the server writes the type first. */
function beginningOf(text: string): { type: string; about: string } {
  const [, type = "(cut)"] = /^\s*\{\s*"type"\s*:\s*"([^"\\]{1,60})"/.exec(text) ?? [];
  return { type, about: "" };
}

function typeOf(text: string): { type: string; about: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { type: "(no JSON)", about: "" };
  }
  if (!isObject(value)) return { type: "(no object)", about: "" };
  const payload = isObject(value["payload"]) ? value["payload"] : {};
  const about = payload["device_id"] ?? payload["room"] ?? (Array.isArray(payload["rooms"]) ? payload["rooms"].join(", ") : "");
  return {
    type: typeof value["type"] === "string" ? value["type"].slice(0, MAX_TYPE) : "(no type)",
    about: typeof about === "string" ? about.slice(0, 200) : "",
  };
}
