import { flagWords } from "../../components/faults";
import { nameOf, tamed } from "../../format";
import type { Alarm } from "../../telemetry";
import { titleOf, unitOf } from "./measured";

/** An alarm as a technician reads it. */
export interface AlarmWords {
  /** The device's name; its id where it has none. */
  device: string;
  text: string;
  /** Of faults: the device's own codes. */
  codes: string[];
}

export function alarmWords(alarm: Alarm): AlarmWords {
  const message = tamed(alarm.message);
  const device = nameOf(alarm.device_id, alarm.device_name);
  if (alarm.kind === "fault" && message.startsWith(FAULTS)) {
    const codes = message.slice(FAULTS.length).split(", ");
    return { device, text: codes.map((code) => flagWords(code).replace(/\.?$/, ".")).join(" "), codes };
  }
  const [, field, value, than, limit] = THRESHOLD.exec(message) ?? [];
  if (field === undefined) return { device, text: message, codes: [] };
  const unit = unitOf(field);
  return { device, text: `${titleOf(field)} is ${rounded(value)}${unit}, ${than} ${rounded(limit)}${unit}`, codes: [] };
}

// The server's sentences, as webhooks have them too.
const FAULTS = "the device says ";
const THRESHOLD = /^(\S+) is (-?[\d.e-]+), (below|above) (-?[\d.e-]+)$/;

/** As many digits as a meter shows. */
function rounded(value = ""): string {
  const number = Number(value);
  return Number.isNaN(number) ? value : String(Number(number.toPrecision(6))).replace("-", "\u2212");
}
