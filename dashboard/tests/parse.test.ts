import { describe, expect, test } from "vitest";
import { MalformedFrame, parseObject, toDeviceSummary, toTelemetry } from "../src/telemetry";
import { sample } from "./server";

test("the smallest sample of the contract is taken", () => {
  const smallest = { device_id: "ems_001", timestamp: "2026-02-03T12:00:00Z", battery: { voltage: 53.2, soc: 85 } };
  expect(toTelemetry(smallest)).toEqual(smallest);
});

test("unknown fields are kept", () => {
  const taken = toTelemetry(sample(1, { colour: "blue", battery: { voltage: 53, soc: 80, humidity: 40 } }));
  expect(taken).toMatchObject({ colour: "blue", battery: { humidity: 40 } });
});

test("a gap that says why is taken, without values", () => {
  const gap = toTelemetry(sample(1, { battery: {}, system_status: { error_flags: ["SENSOR_LOST"] } }));
  expect(gap.battery.voltage).toBeUndefined();
});

test("an optional field of the wrong type is left out and the rest stays", () => {
  const taken = toTelemetry(
    sample(1, { battery: { voltage: 53, soc: 80, current: "much", warnings: "none" }, solar: 5, seq: "7" }),
  );
  expect(taken.battery).toEqual({ voltage: 53, soc: 80 });
  expect(taken.solar).toBeUndefined();
  expect(taken.seq).toBeUndefined();
});

describe("refused with a sentence", () => {
  test.each([
    ["not JSON", "{", "not JSON"],
    ["an array", "[1]", "not a JSON object"],
    ["null", "null", "not a JSON object"],
    ["a number", "7", "not a JSON object"],
    ["no device_id", `{"timestamp":"2026-02-03T12:00:00Z"}`, "device_id"],
    ["a device_id that is no string", `{"device_id":7}`, "device_id"],
    ["another device", JSON.stringify(sample(1, { device_id: "ems_002" })), "another device"],
    ["no timestamp", `{"device_id":"ems_001","battery":{"voltage":1,"soc":1}}`, "timestamp"],
    ["a timestamp that is none", JSON.stringify(sample(1, { timestamp: "yesterday" })), "timestamp"],
    ["no battery", JSON.stringify(sample(1, { battery: undefined })), "battery.voltage"],
    ["a voltage in words", JSON.stringify(sample(1, { battery: { voltage: "53", soc: 80 } })), "battery.voltage"],
    ["a bool as number", JSON.stringify(sample(1, { battery: { voltage: true, soc: 80 } })), "battery.voltage"],
    ["soc 140", JSON.stringify(sample(1, { battery: { voltage: 53, soc: 140 } })), "battery.soc"],
    ["an infinite voltage", `{"device_id":"ems_001","timestamp":"2026-02-03T12:00:00Z","battery":{"voltage":1e999,"soc":1}}`, "battery.voltage"],
    ["a gap without a reason", JSON.stringify(sample(1, { battery: {} })), "error flag"],
  ])("%s", (_, text, reason) => {
    const parse = () => toTelemetry(parseObject(text), "ems_001");
    expect(parse).toThrow(MalformedFrame);
    expect(parse).toThrow(reason);
  });
});

test("a latest sample that cannot be read does not hide the device", () => {
  const device = toDeviceSummary({ device_id: "ems_001", name: 5, online: true, latest: { battery: 1 } });
  expect(device).toEqual({ device_id: "ems_001", name: null, online: true, status: "online", since: null, last_seen: null, latest: null });
});
