import type { Fix } from "../../api/uwb";

/** A tag and the way it came, oldest first; the last fix is where it is. */
export interface Track {
  tag: string;
  last: Fix;
  trail: readonly Fix[];
}

export type Tracks = ReadonlyMap<string, Track>;

/** A tag that was not heard of for longer is grey. */
export const OLD_MS = 10_000;
/** How far back a trail reaches, and the most fixes it has. */
export const TRAIL_MS = 5 * 60_000;
export const MAX_TRAIL = 300;
/** As many as the server keeps of one device. */
const MAX_TAGS = 1_000;

/** The tracks with some more fixes; late ones take their place in the trail, repeated ones are left out. */
export function withFixes(tracks: Tracks, fixes: readonly Fix[]): Tracks {
  const next = new Map(tracks);
  const byTag = groupByTag(fixes);
  for (const [tag, found] of byTag) {
    const before = next.get(tag);
    if (before === undefined && next.size >= MAX_TAGS) continue;
    const all = [...(before?.trail ?? []), ...found];
    const proper = all.filter(({ rough }) => !rough);
    const byTime = new Map((proper.length > 0 ? proper : all).map((fix) => [fix.timeMs, fix]));
    const sorted = [...byTime.values()].toSorted((a, b) => a.timeMs - b.timeMs);
    const last = sorted.at(-1);
    if (last === undefined) continue;
    const trail = sorted.filter(({ timeMs }) => timeMs > last.timeMs - TRAIL_MS).slice(-MAX_TRAIL);
    next.set(tag, { tag, last, trail });
  }
  return next;
}

function groupByTag(fixes: readonly Fix[]): Map<string, Fix[]> {
  const groups = new Map<string, Fix[]>();
  for (const fix of fixes) groups.set(fix.tag, [...(groups.get(fix.tag) ?? []), fix]);
  return groups;
}
