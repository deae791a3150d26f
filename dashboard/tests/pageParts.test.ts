import { render } from "@testing-library/react";
import { createElement } from "react";
import { expect, test } from "vitest";
import { titleOf } from "../src/fleet/view";
import { nameOf } from "../src/format";
import { SocGauge } from "../src/live/SocGauge";
import { toSeverity, type DeviceEvent, type NumberedFrame } from "../src/telemetry";
import { toDeviceIds } from "../src/pages/admin/RoleHint";
import { put } from "../src/pages/alarms/AlarmList";
import { alarmWords } from "../src/pages/alarms/alarmWords";
import { ruleWords } from "../src/pages/alarms/Rules";
import { byDay } from "../src/pages/events/EventsPage";
import { toMarks } from "../src/pages/history/marks";
import { describe as described, matches, pretty } from "../src/pages/messages/frame";
import { Tabs } from "../src/pages/shared/Tabs";
import { match } from "../src/routes";
import type { Alarm, FleetRow } from "../src/telemetry";

test("a restriction to devices is a list with commas or spaces; nothing means all", () => {
  expect(toDeviceIds(" ems_001,  ems_002\nems_003 ")).toEqual(["ems_001", "ems_002", "ems_003"]);
  expect(toDeviceIds("  ")).toBeNull();
});

test("a rule is told in words, with where its alarm is over", () => {
  const rule = { id: 1, name: "", deviceId: null, kind: "below", field: "battery.soc", threshold: 20, hysteresis: 2.1, forS: 300, severity: "error" } as const;
  expect(ruleWords(rule)).toBe("State of charge below 20 % for 5 min, over at 22.1 %");
  expect(ruleWords({ ...rule, kind: "above", hysteresis: 0, forS: 0 })).toBe("State of charge above 20 %");
  expect(ruleWords({ ...rule, field: "battery.cells", hysteresis: 0, forS: 0 })).toBe("battery.cells below 20");
  expect(ruleWords({ ...rule, kind: "offline" })).toBe("the device is offline for 5 min");
  expect(ruleWords({ ...rule, kind: null })).toContain("does not know");
});

test("a name that turns the direction of a line turns its own at most", () => {
  const turning = { ...alarm(1), device_name: " \u202egnp.exe \u2067\u0627\u0644", kind: "fault", message: "the device says A_\u2066B" } as const;
  expect(alarmWords(turning)).toEqual({ device: "gnp.exe \u0627\u0644", text: "A b.", codes: ["A_B"] });
});

test("a name of which nothing can be seen is none", () => {
  for (const name of ["  ", "\u202e", " \u2067 "]) {
    expect(nameOf("ems_001", name)).toBe("ems_001");
    expect(titleOf({ device_id: "ems_001", name } as FleetRow)).toBe("ems_001");
  }
  expect(nameOf("ems_001", " Barn")).toBe("Barn");
});

test("a full battery is 100, as its gauge has no room for more", () => {
  const { container } = render(createElement(SocGauge, { battery: { voltage: 54, soc: 99.96 } }));
  expect(container.textContent).toBe("100%");
  const { container: nearly } = render(createElement(SocGauge, { battery: { voltage: 54, soc: 99.94 } }));
  expect(nearly.textContent).toBe("99.9%");
});

test("the tab of the present page is brought into view, and the administration has an address of its own", () => {
  const seen: (string | null)[] = [];
  Element.prototype.scrollIntoView = function scrollIntoView() {
    seen.push(this.textContent);
  };
  const tabs = [["/admin/users", "Users"], ["/admin/audit", "Audit"]] as const;
  render(createElement(Tabs, { label: "Administration", tabs, current: "/admin/audit" }));
  expect(seen).toEqual(["Audit"]);
  Reflect.deleteProperty(Element.prototype, "scrollIntoView");
  expect(match("/admin")?.route.needs).toBe("admin");
});

test("an alarm that changes takes its own place in the list", () => {
  const list = [alarm(3), alarm(2)];
  expect(put(list, { ...alarm(2), cleared_at: "2026-01-01T00:00:00Z" }).map(({ id, cleared_at }) => [id, cleared_at !== null])).toEqual([
    [3, false],
    [2, true],
  ]);
  expect(put(list, alarm(4)).map(({ id }) => id)).toEqual([4, 3, 2]);
});

test("events are told day by day", () => {
  const noon = new Date(2026, 4, 2, 12).toISOString();
  const before = new Date(2026, 4, 1, 23, 59).toISOString();
  expect(byDay([event(noon), event(noon), event(before)]).map(([, events]) => events.length)).toEqual([2, 1]);
  expect(byDay([event("nonsense")]).map(([day]) => day)).toEqual(["Without a time"]);
});

test("what happened in a span is of this device, newest first", () => {
  const marks = toMarks({
    deviceId: "ems_001",
    fromMs: Date.parse(time(0)),
    toMs: Date.parse(time(5)),
    events: [event(time(1)), event(time(9))],
    alarms: [{ ...alarm(1), raised_at: time(3) }, { ...alarm(2), raised_at: time(3), device_id: "ems_002" }],
    commands: [],
  });
  expect(marks.map(({ kind }) => kind)).toEqual(["alarm", "event"]);
});

test("a frame is known by its type and what it is about; what is no message is shown all the same", () => {
  const telemetry = described(frame('{"type":"telemetry","payload":{"device_id":"ems_001"}}'));
  expect(telemetry).toMatchObject({ type: "telemetry", about: "ems_001" });
  expect(described(frame("nonsense")).type).toBe("(no JSON)");
  expect(described(frame("[1]")).type).toBe("(no object)");
  expect(described(frame('{"type":{"a":1}}')).type).toBe("(no type)");
  expect(described(frame(`{"type":"${"x".repeat(10_000)}"}`)).type).toHaveLength(60);
  expect(matches(telemetry, new Set(), "EMS_001")).toBe(true);
  expect(matches(telemetry, new Set(["error"]), "")).toBe(false);
  expect(pretty("nonsense")).toBe("nonsense");
  expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
});

test("a severity that nobody knows is not taken for harmless", () => {
  expect([toSeverity("info"), toSeverity("fatal"), toSeverity(null)]).toEqual(["info", "warning", "warning"]);
});

function time(minute: number): string {
  return `2026-01-01T00:0${minute}:00Z`;
}

function frame(text: string): NumberedFrame {
  return { direction: "in", atMs: 0, text, number: 1 };
}

function event(timestamp: string): DeviceEvent {
  return { device_id: "ems_001", timestamp, severity: "info", code: "A", message: "", details: {} };
}

function alarm(id: number): Alarm {
  return {
    id,
    rule: 1,
    device_id: "ems_001",
    device_name: null,
    name: "",
    kind: "below",
    severity: "warning",
    message: "",
    value: null,
    threshold: null,
    raised_at: "2026-01-01T00:00:00Z",
    cleared_at: null,
    acknowledged_at: null,
    acknowledged_by: null,
  };
}
