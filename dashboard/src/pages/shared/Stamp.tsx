import { age } from "../../format";

const dateTime = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const withZone = new Intl.DateTimeFormat(undefined, {
  dateStyle: "full",
  timeStyle: "long",
});
const dayTitle = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

/** A local time to the second; the zone is in its tool tip and at the foot of the page. */
export function Stamp({ ms }: { ms: number }) {
  return (
    <time className="stamp" dateTime={new Date(ms).toISOString()} title={withZone.format(ms)}>
      {stampWords(ms)}
    </time>
  );
}

/** The same as text. */
export function stampWords(ms: number): string {
  return dateTime.format(ms);
}

/** How long ago, with the local time as tool tip. */
export function Ago({ ms, nowMs }: { ms: number; nowMs: number }) {
  return (
    <time dateTime={new Date(ms).toISOString()} title={withZone.format(ms)}>
      {age(Math.max(0, nowMs - ms))} ago
    </time>
  );
}

/** "Sunday, 22 November 2026". */
export function dayOf(ms: number): string {
  return dayTitle.format(ms);
}
