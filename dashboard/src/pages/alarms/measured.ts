/** What can be compared, with its name and unit; any other number of a sample can be typed. */
const MEASURED: Readonly<Record<string, readonly [title: string, unit: string]>> = {
  "battery.soc": ["State of charge", "%"],
  "battery.soc_low": ["Lowest likely state of charge", "%"],
  "battery.voltage": ["Battery voltage", "V"],
  "battery.current": ["Battery current", "A"],
  "battery.power": ["Battery power", "W"],
  "battery.temperature": ["Battery temperature", "°C"],
  "battery.soh": ["Health", "%"],
  "grid.power": ["Grid power", "W"],
  "solar.power": ["Solar power", "W"],
  "load.power": ["Load power", "W"],
  "system_status.cpu_temperature": ["Processor temperature", "°C"],
  "system_status.wifi_strength": ["Wi-Fi signal", "dBm"],
};

/** The paths that are known by name. */
export const FIELDS: readonly string[] = Object.keys(MEASURED);

/** The name of a path; the path itself where there is none. */
export function titleOf(field: string): string {
  return MEASURED[field]?.[0] ?? field;
}

/** The unit of a path, with the space before it; empty where none is known. */
export function unitOf(field: string): string {
  const unit = MEASURED[field]?.[1];
  return unit === undefined ? "" : ` ${unit}`;
}
