import type { Command } from "../../api/commands";
import type { Alarm, DeviceEvent, Severity } from "../../telemetry";

/** Something that happened, on the axis of the curves. */
export interface Mark {
  key: string;
  timeMs: number;
  kind: "event" | "alarm" | "command";
  severity: Severity;
  title: string;
  text: string;
}

interface Sources {
  deviceId: string;
  fromMs: number;
  toMs: number;
  events: readonly DeviceEvent[];
  alarms: readonly Alarm[];
  commands: readonly Command[];
}

/** What happened to a device in a span, newest first. */
export function toMarks({ deviceId, fromMs, toMs, events, alarms, commands }: Sources): Mark[] {
  const marks: Mark[] = [
    ...events.map((event, i) => ({
      key: `event ${event.timestamp} ${i}`,
      timeMs: Date.parse(event.timestamp),
      kind: "event" as const,
      severity: event.severity,
      title: event.code,
      text: event.message,
    })),
    ...alarms
      .filter((alarm) => alarm.device_id === deviceId)
      .map((alarm) => ({
        key: `alarm ${alarm.id}`,
        timeMs: Date.parse(alarm.raised_at),
        kind: "alarm" as const,
        severity: alarm.severity,
        title: alarm.name,
        text: alarm.message,
      })),
    ...commands.map((command) => ({
      key: `command ${command.commandId}`,
      timeMs: command.issuedMs,
      kind: "command" as const,
      severity: command.status === "FAILED" || command.status === "REJECTED" ? ("warning" as const) : ("info" as const),
      title: command.action,
      text: `by ${command.askedBy}, ${command.status.toLowerCase().replace("_", " ")}`,
    })),
  ];
  return marks
    .filter(({ timeMs }) => timeMs >= fromMs && timeMs <= toMs)
    .toSorted((a, b) => b.timeMs - a.timeMs);
}
