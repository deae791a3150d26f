/** What a value that is not known looks like. */
export const UNKNOWN = "–";

/** A number with fixed decimals and a true minus sign; {@link UNKNOWN} for `undefined`. */
export function decimal(value: number | undefined, digits: number): string {
  if (value === undefined) return UNKNOWN;
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
}

/** As {@link decimal}, with a plus sign where the direction matters. */
export function signed(value: number | undefined, digits: number): string {
  const text = decimal(value, digits);
  return value !== undefined && value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** The decimals that leave a number with at most `total` digits, and at most `digits`: 53.200, 812.35, 1203.2. */
export function fitting(value: number | undefined, digits: number, total: number): number {
  const whole = value === undefined ? 1 : Math.max(1, Math.floor(Math.log10(Math.max(1, Math.abs(value)))) + 1);
  return Math.max(0, Math.min(digits, total - whole));
}

/** A power with the unit that keeps it short; signed as {@link signed}. */
export function power(watts: number | undefined): { value: string; unit: string } {
  if (watts === undefined || Math.abs(watts) < 999.5) return { value: signed(watts, 0), unit: "W" };
  return { value: signed(watts / 1_000, fitting(watts / 1_000, 2, 4)), unit: "kW" };
}

/** How long ago, in one unit: "< 1 s", "12 s", "5 min", "3 h", "2 d". */
export function age(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 1) return "< 1 s";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A span of time in its two largest units: "45 s", "12 min", "5 h 20 min", "3 d 4 h". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const timeFormat = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const minuteFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** Local time of day with seconds. */
export function clockTime(timeMs: number): string {
  return timeFormat.format(timeMs);
}

/** Local time of day to the minute, or to the second; with the date if it is not today. */
export function moment(timeMs: number, nowMs: number, withSeconds = false): string {
  const time = (withSeconds ? timeFormat : minuteFormat).format(timeMs);
  const today = dayFormat.format(timeMs) === dayFormat.format(nowMs) && Math.abs(nowMs - timeMs) < 86_400_000;
  return today ? time : `${dayFormat.format(timeMs)}, ${time}`;
}

/** The zone of every time on the page: "Europe/Berlin, UTC+1". */
export function zone(): string {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const offset = -new Date().getTimezoneOffset();
  const hours = Math.floor(Math.abs(offset) / 60);
  const minutes = Math.abs(offset) % 60;
  const shift = `${offset < 0 ? "\u2212" : "+"}${hours}${minutes === 0 ? "" : `:${String(minutes).padStart(2, "0")}`}`;
  return offset === 0 ? "UTC" : `${name}, UTC${shift}`;
}

/**
 * A text that somebody else wrote, without the characters that turn the direction of what follows: an isolate that it
 * leaves open is closed by the end of its `bdi`, whose own then stays open, over the rest of the line.
 */
export function tamed(text: string): string {
  return text.replaceAll(/[\u202A-\u202E\u2066-\u2069]/g, "");
}

/** What a device is called: by its id, if nothing can be seen of its name. */
export function nameOf(deviceId: string, name: string | null | undefined): string {
  const shown = tamed(name ?? "").trim();
  return shown === "" ? deviceId : shown;
}

/** A constant of the protocol as words: "DISCHARGING" as "Discharging", "MANUAL_IDLE" as "Manual idle". */
export function constant(name: string): string {
  return name.charAt(0) + name.slice(1).toLowerCase().replaceAll("_", " ");
}
