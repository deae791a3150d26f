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
  ]);
  expect(fieldsOf({})).toEqual([]);
  expect(fieldsOf({ properties: "nonsense" })).toEqual([]);
});

test("a filled form becomes a payload of the right types, without what was left empty", () => {
  const payload = fill({ output: " pump ", on: "false", for_s: "1,5", colours: "[1]", lines: "3" });
  expect(payload).toEqual({ output: "pump", on: false, for_s: 1.5, colours: [1], lines: 3 });
});

test.each([
  [{ on: "true" }, "Output is needed."],
  [{ output: "a", on: "true", for_s: "0" }, "For s is at least 0.1."],
  [{ output: "a", on: "true", for_s: "1e9" }, "For s is at most 86400."],
  [{ output: "a", on: "true", for_s: "soon" }, "For s has to be a number."],
  [{ output: "a", on: "true", lines: "1.5" }, "Lines has to be a whole number."],
  [{ output: "a", on: "true", mode: "C" }, "Mode has to be one of A, B."],
  [{ output: "a", on: "true", colours: "{" }, "Colours has to be JSON."],
])("what cannot be sent is said in a sentence: %o", (values, sentence) => {
  expect(() => fill(values)).toThrow(new BadValue(sentence));
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
