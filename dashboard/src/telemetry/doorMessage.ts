import { isObject, parseObject } from "./parse";

/** A typed message, as it came. */
export interface DoorMessage {
  type: string;
  payload: Record<string, unknown>;
  /** Samples that the server left out before this one, because the page was slow. */
  skipped?: number;
}

/** A frame as it travelled, for those who look at the wire. */
export interface Frame {
  direction: "in" | "out";
  /** When, by the server's clock as far as the page knows it, Unix ms. */
  atMs: number;
  text: string;
}

/** Reads a frame. Throws if it is no typed message. */
export function toMessage(text: string): DoorMessage {
  const { type, payload, skipped } = parseObject(text);
  if (typeof type !== "string") throw new TypeError("the frame has no type");
  return {
    type,
    payload: isObject(payload) ? payload : {},
    ...(typeof skipped === "number" && { skipped }),
  };
}
