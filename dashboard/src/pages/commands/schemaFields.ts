import { isObject } from "../../telemetry";
import { number, text, type Json } from "../../api/read";

/** One input of a form. */
export interface SchemaField {
  name: string;
  title: string;
  hint: string;
  kind: "text" | "number" | "integer" | "boolean" | "choice" | "json";
  required: boolean;
  /** Of a choice: texts or numbers. */
  choices: (string | number)[];
  min?: number;
  max?: number;
  /** Of a text: what it has to match, unanchored as JSON Schema has it. */
  pattern?: RegExp;
  /** What the device takes if it is left empty. */
  fallback: string;
  /** For example. */
  example: string;
  /** The word `null` means the value null, which mostly takes something back. */
  nullable: boolean;
}

/** A value of a form that cannot be sent, and why. */
export class BadValue extends Error {
  override name = "BadValue";
}

/**
 * The inputs that a JSON Schema asks for. What the form has no input for (a list, an object) is written as JSON; so is
 * the whole payload if the schema tells nothing of what is in it but lets anything in.
 */
export function fieldsOf(schema: Json): SchemaField[] {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return Object.entries(properties).flatMap(([name, property]) =>
    isObject(property) ? [toField(name, property, required.includes(name))] : [],
  );
}

/** The payload that a filled form means; an empty optional input is left out. Throws {@link BadValue}. */
export function payloadOf(schema: Json, fields: readonly SchemaField[], read: (name: string) => string): Json {
  const entries = fields.flatMap((field) => {
    const raw = read(field.name).trim();
    if (raw === "") {
      if (field.required) throw new BadValue(`${field.title} is needed.`);
      return [];
    }
    return [[field.name, valueOf(field, raw)] as const];
  });
  const least = number(schema["minProperties"]) ?? 0;
  if (entries.length < least) throw new BadValue(`Fill in ${least === 1 ? "one of them" : `${least} of them`} at least.`);
  return Object.fromEntries(entries);
}

function valueOf(field: SchemaField, raw: string): unknown {
  const { title, min, max } = field;
  if (field.nullable && raw === "null") return null;
  switch (field.kind) {
    case "boolean":
      return raw === "true";
    case "number":
    case "integer": {
      const value = numberOf(title, raw);
      if (field.kind === "integer" && !Number.isInteger(value)) throw new BadValue(`${title} has to be a whole number.`);
      if (min !== undefined && value < min) throw new BadValue(`${title} is at least ${min}.`);
      if (max !== undefined && value > max) throw new BadValue(`${title} is at most ${max}.`);
      return value;
    }
    case "choice": {
      const choice = field.choices.find((value) => String(value) === raw);
      if (choice === undefined) throw new BadValue(`${title} has to be one of ${field.choices.join(", ")}.`);
      return choice;
    }
    case "json":
      try {
        return JSON.parse(raw) as unknown;
      } catch {
        throw new BadValue(`${title} has to be JSON.`);
      }
    case "text":
      if (field.pattern?.test(raw) === false) throw new BadValue(`${title} has to match ${field.pattern.source}.`);
      return raw;
  }
}

/** A comma is a decimal one, unless it may as well part the thousands: then nobody but the writer knows. */
function numberOf(title: string, raw: string): number {
  const [, whole = "", separator = "", decimals = ""] = NUMBER.exec(raw) ?? [];
  const value = Number(`${whole}.${decimals}`);
  if (whole === "" || !Number.isFinite(value)) throw new BadValue(`${title} has to be a number, such as 1500 or 2.5.`);
  if (separator === "," && decimals.length === 3) {
    throw new BadValue(`${title} can be read in two ways: write ${whole}${decimals} or ${whole}.${decimals}.`);
  }
  return value;
}

const NUMBER = /^(-?\d+)(?:([.,])(\d+))?$/;

function toField(name: string, property: Json, required: boolean): SchemaField {
  const choices = Array.isArray(property["enum"]) ? property["enum"].filter(isChoice) : [];
  const min = number(property["minimum"]);
  const max = number(property["maximum"]);
  const pattern = patternOf(text(property["pattern"]));
  const nullable = typesOf(property).includes("null");
  const examples = Array.isArray(property["examples"]) ? property["examples"] : [];
  return {
    name,
    title: text(property["title"]) ?? name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " "),
    hint: [text(property["description"]) ?? "", rangeOf(min, max), nullable && !required ? "null takes it back" : ""].filter((part) => part !== "").join(" · "),
    kind: kindOf(property, choices),
    required,
    choices,
    ...(min !== null && { min }),
    ...(max !== null && { max }),
    ...(pattern !== null && { pattern }),
    fallback: plain(property["default"]),
    example: plain(examples[0]),
    nullable,
  };
}

function isChoice(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

/** `null` if there is none, or none that this browser can read: the device checks it, too. */
function patternOf(source: string | null): RegExp | null {
  try {
    return source === null ? null : new RegExp(source, "u");
  } catch {
    return null;
  }
}

function kindOf(property: Json, choices: readonly unknown[]): SchemaField["kind"] {
  if (choices.length > 0) return "choice";
  const type = typesOf(property).find((entry) => entry !== "null");
  if (type === "boolean" || type === "number" || type === "integer") return type;
  return type === "string" ? "text" : "json";
}

function typesOf({ type }: Json): unknown[] {
  return Array.isArray(type) ? type : [type];
}

/** A value that can stand in an input, as text. */
function plain(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function rangeOf(min: number | null, max: number | null): string {
  if (min !== null && max !== null) return `${min} to ${max}`;
  if (min !== null) return `at least ${min}`;
  return max === null ? "" : `at most ${max}`;
}
