import { expect, test } from "vitest";
import { isFinal, later, toCommand, type Command, type CommandStatus } from "../src/api/commands";
import { BadValue, fieldsOf, payloadOf } from "../src/pages/commands/schemaFields";

const SET_OUTPUT = {
  type: "object",
  required: ["output", "on"],
  properties: {
    output: { type: "string", description: "a configured name" },
    on: { type: "boolean" },
    for_s: { type: "number", minimum: 0.1, maximum: 86_400 },
    colours: { type: "array" },
    mode: { enum: ["A", "B"] },
    lines: { type: ["integer", "null"], default: 100 },
    baud: { type: "integer", enum: [9_600, 115_200] },
    topic: { type: "string", pattern: "^[a-z]+$" },
  },
};
const SETTINGS = { minProperties: 1, properties: { LOG_LEVEL: { type: ["string", "null"], examples: ["info"] } } };

test("a form has an input of the right kind for each property", () => {
  expect(fieldsOf(SET_OUTPUT).map(({ name, kind, required }) => [name, kind, required])).toEqual([
    ["output", "text", true],
    ["on", "boolean", true],
    ["for_s", "number", false],
    ["colours", "json", false],
    ["mode", "choice", false],
    ["lines", "integer", false],
    ["baud", "choice", false],
    ["topic", "text", false],
  ]);
  expect(fieldsOf({})).toEqual([]);
  expect(fieldsOf({ properties: "nonsense" })).toEqual([]);
});

test("a filled form becomes a payload of the right types, without what was left empty", () => {
  const payload = fill({ output: " pump ", on: "false", for_s: "1,5", colours: "[1]", lines: "3", baud: "9600", topic: "pump" });
  expect(payload).toEqual({ output: "pump", on: false, for_s: 1.5, colours: [1], lines: 3, baud: 9_600, topic: "pump" });
});

test.each([
  [{ on: "true" }, "Output is needed."],
  [{ output: "a", on: "true", for_s: "0" }, "For s is at least 0.1."],
  [{ output: "a", on: "true", for_s: "1000000" }, "For s is at most 86400."],
  [{ output: "a", on: "true", for_s: "1,000" }, "For s can be read in two ways: write 1000 or 1.000."],
  [{ output: "a", on: "true", baud: "9601" }, "Baud has to be one of 9600, 115200."],
  [{ output: "a", on: "true", topic: "Pump 1" }, "Topic has to match ^[a-z]+$."],
  [{ output: "a", on: "true", lines: "1.5" }, "Lines has to be a whole number."],
  [{ output: "a", on: "true", mode: "C" }, "Mode has to be one of A, B."],
  [{ output: "a", on: "true", colours: "{" }, "Colours has to be JSON."],
])("what cannot be sent is said in a sentence: %o", (values, sentence) => {
  expect(() => fill(values)).toThrow(new BadValue(sentence));
});

test.each(["soon", "1e9", "0x10", "Infinity", "1,000,000", "1.000,5", "1 000", ".5", "5.", "- 1", "9".repeat(400)])("%s is no number", (for_s) => {
  expect(() => fill({ output: "a", on: "true", for_s })).toThrow("For s has to be a number, such as 1500 or 2.5.");
});

test.each([
  ["0", 0],
  ["-0.25", -0.25],
  ["1,5", 1.5],
  ["12,3456", 12.3456],
  ["1.000", 1],
  ["007", 7],
])("the number %s is read as %d", (raw, value) => {
  const schema = { properties: { level: { type: "number" } } };
  expect(payloadOf(schema, fieldsOf(schema), () => raw)).toEqual({ level: value });
});

test("a pattern that this browser cannot read is left to the device", () => {
  const schema = { properties: { name: { type: "string", pattern: "(" } } };
  expect(payloadOf(schema, fieldsOf(schema), () => "x")).toEqual({ name: "x" });
});

test("a setting is taken back with null, and nothing at all is not sent", () => {
  const fields = fieldsOf(SETTINGS);
  expect(fields).toMatchObject([{ kind: "text", example: "info", hint: "null takes it back" }]);
  expect(payloadOf(SETTINGS, fields, () => "null")).toEqual({ LOG_LEVEL: null });
  expect(payloadOf(SETTINGS, fields, () => "debug")).toEqual({ LOG_LEVEL: "debug" });
  expect(() => payloadOf(SETTINGS, fields, () => "")).toThrow("Fill in one of them at least.");
});

test("of two states of a command the later one counts, in whichever order they come", () => {
  const order: CommandStatus[] = ["CREATED", "SENT", "ACCEPTED", "IN_PROGRESS", "SUCCEEDED"];
  for (const [i, before] of order.entries()) {
    for (const after of order.slice(i)) {
      expect(later(command(before), command(after)).status).toBe(after);
      expect(later(command(after), command(before)).status).toBe(after);
    }
  }
  const timedOut = command("TIMED_OUT");
  const answered = { ...timedOut, lateResult: { ok: true } };
  expect(later(answered, timedOut)).toBe(answered);
  expect(order.map(isFinal)).toEqual([false, false, false, false, true]);
});

test("a command that cannot be read is none", () => {
  expect(toCommand({ device_id: "a" })).toBeNull();
  expect(toCommand({ device_id: "a", command_id: "1", issued_at: "2026-01-01T00:00:00Z", status: "EXPLODED" })).toBeNull();
});

function fill(values: Record<string, string>) {
  return payloadOf(SET_OUTPUT, fieldsOf(SET_OUTPUT), (name) => values[name] ?? "");
}

function command(status: CommandStatus): Command {
  const found = toCommand({ device_id: "a", command_id: "1", action: "PING", issued_at: "2026-01-01T00:00:00Z", status });
  if (found === null) throw new Error("the test's command is wrong");
  return found;
}
