import { duration } from "../../format";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const month = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric" });

const DAY_S = 86_400;

/** What stands at the ticks of a time axis: times of day, and the date where a day begins; dates; months. Local. */
export function timeLabels(seconds: readonly number[], increment: number): string[] {
  return seconds.map((second) => {
    const ms = second * 1_000;
    if (increment >= 28 * DAY_S) return month.format(ms);
    if (increment >= DAY_S || isMidnight(ms)) return day.format(ms);
    return (increment < 60 ? clockWithSeconds : clock).format(ms);
  });
}

function isMidnight(ms: number): boolean {
  const date = new Date(ms);
  return date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
}

/** The length of a bucket in words: "a row a …". */
export function stepWords(stepMs: number): string {
  const seconds = stepMs / 1_000;
  if (seconds === 1) return "second";
  if (seconds === 60) return "minute";
  if (seconds === 3_600) return "hour";
  if (seconds === 86_400) return "day";
  if (seconds % 86_400 === 0) return `${seconds / 86_400} days`;
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return duration(seconds);
}
