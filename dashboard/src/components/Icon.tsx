/** Line icons on a grid of 24, drawn for this page. */
const PATHS = {
  fleet: "M4 6h16M4 12h16M4 18h10",
  alarms: "M12 4a5 5 0 0 0-5 5c0 5-2 6-2 7h14c0-1-2-2-2-7a5 5 0 0 0-5-5zM10 19.5a2 2 0 0 0 4 0",
  uwb: "M12 20s-6-5.4-6-10a6 6 0 0 1 12 0c0 4.6-6 10-6 10zM12 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  messages: "M4 7h10M4 12h16M4 17h7M17 5l3 2-3 2",
  admin: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.600l2.1 2.100M16.3 16.300l2.1 2.100M5.6 18.400l2.1-2.100M16.3 7.700l2.1-2.1",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c1-3.5 4-5 7.5-5s6.5 1.5 7.5 5",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4 4",
  pause: "M9 5v14M15 5v14",
  play: "M8 5l11 7-11 7z",
  solar: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.600l1.4 1.400M17 17l1.4 1.400M5.6 18.400L7 17M17 7l1.4-1.4",
  grid: "M9 3h6l2 18M15 3L7 21M9 3L7 21M8.4 8h7.200M7.7 14h8.600M9 3l8 18",
  load: "M4 11l8-7 8 7M6 10v10h12V10M10 20v-6h4v6",
  battery: "M4 8h14v9H4zM18 11h2.500v3H18M8 5.500v2.500M14 5.500v2.5",
  up: "M6 14l6-6 6 6",
  down: "M6 10l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
} as const;

export type IconName = keyof typeof PATHS;

/** An icon beside words, or in a button that has a name: it says nothing by itself. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
