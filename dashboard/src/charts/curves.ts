import type { TelemetryPayload } from "../telemetry";
import type { Quantity } from "./quantity";

/** What can be drawn of a sample; where the sign matters, the area down to zero is filled. */
export interface Curve extends Quantity {
  /** The token of its colour. */
  color: string;
  read: (sample: TelemetryPayload) => number | undefined;
}

const percent = [0, 100] as const;

/** Every curve, the usual ones first. */
export const CURVES: readonly Curve[] = [
  curve("voltage", "Voltage", "V", { digits: 3, floor: 0.4, color: "voltage", read: ({ battery }) => battery.voltage }),
  curve("current", "Current", "A", { digits: 2, floor: 2, signed: true, color: "current", read: ({ battery }) => battery.current }),
  curve("soc", "State of charge", "%", { digits: 1, floor: 4, limits: percent, color: "soc", read: ({ battery }) => battery.soc }),
  curve("power", "Power", "W", { digits: 0, floor: 50, signed: true, color: "power", read: powerOf }),
  curve("temperature", "Battery temperature", "°C", { digits: 1, floor: 4, color: "temperature", read: ({ battery }) => battery.temperature }),
  curve("solar", "Solar", "W", { digits: 0, floor: 50, signed: true, color: "solar", read: ({ solar }) => solar?.power }),
  curve("load", "Load", "W", { digits: 0, floor: 50, signed: true, color: "load", read: ({ load }) => load?.power }),
  curve("grid", "Grid", "W", { digits: 0, floor: 50, signed: true, color: "grid-power", read: ({ grid }) => grid?.power }),
  curve("grid-voltage", "Grid voltage", "V", { digits: 1, floor: 4, color: "grid-power", read: ({ grid }) => grid?.voltage }),
  curve("grid-current", "Grid current", "A", { digits: 2, floor: 2, signed: true, color: "grid-power", read: ({ grid }) => grid?.current }),
  curve("frequency", "Grid frequency", "Hz", { digits: 2, floor: 0.2, color: "grid-power", read: ({ grid }) => grid?.frequency }),
  curve("power-factor", "Power factor", "", { digits: 2, floor: 0.2, color: "grid-power", read: ({ grid }) => grid?.power_factor }),
  curve("uncertainty", "Uncertainty of the charge", "%", { digits: 2, floor: 1, color: "soc", read: ({ battery }) => battery.soc_uncertainty }),
  curve("soh", "Health", "%", { digits: 1, floor: 4, limits: percent, color: "soc", read: ({ battery }) => battery.soh }),
  curve("energy-in", "Charged in all", "kWh", { digits: 2, floor: 0.1, color: "power", read: ({ battery }) => battery.energy_in }),
  curve("energy-out", "Discharged in all", "kWh", { digits: 2, floor: 0.1, color: "power", read: ({ battery }) => battery.energy_out }),
  curve("to-empty", "Time to empty", "h", { digits: 1, floor: 1, color: "soc", read: ({ battery }) => hours(battery.time_to_empty_s) }),
  curve("to-full", "Time to full", "h", { digits: 1, floor: 1, color: "soc", read: ({ battery }) => hours(battery.time_to_full_s) }),
  curve("processor", "Processor temperature", "°C", { digits: 1, floor: 4, color: "temperature", read: ({ system_status: s }) => s?.cpu_temperature }),
  curve("wifi", "Wi-Fi signal", "dBm", { digits: 0, floor: 10, color: "load", read: ({ system_status: s }) => s?.wifi_strength }),
];

/** What is drawn until somebody chooses. */
export const USUAL: readonly string[] = ["voltage", "current", "soc"];

/** The ends of the interval that holds the true state of charge: drawn as a band around it. */
export const BAND = { low: "soc-low", high: "soc-high" } as const;

/** The battery's power, from voltage and current where it is not told. */
export function powerOf({ battery: { power, voltage, current } }: TelemetryPayload): number | undefined {
  return power ?? (voltage !== undefined && current !== undefined ? voltage * current : undefined);
}

function hours(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds / 3_600;
}

function curve(key: string, title: string, unit: string, rest: Omit<Curve, "key" | "title" | "unit">): Curve {
  return { key, title, unit, ...rest };
}
