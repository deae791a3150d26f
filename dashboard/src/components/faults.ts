import { constant, tamed } from "../format";
import type { TelemetryPayload } from "../telemetry";

/** A code the device reported, in words. */
export interface Fault {
  code: string;
  text: string;
  severe: boolean;
}

/** Faults and warnings of a sample, each code once, the severe ones first. */
export function faultsOf(sample: TelemetryPayload | null): Fault[] {
  if (sample === null) return [];
  const { system_status: status, battery } = sample;
  const severe = [...(status?.error_flags ?? []), ...(battery.faults ?? [])];
  const mild = [...(battery.warnings ?? []), ...(status?.undervoltage === true ? ["BOARD_UNDERVOLTAGE"] : [])];
  const codes = [...new Set([...severe, ...mild])];
  return codes.map((code) => ({ code, text: flagWords(code), severe: severe.includes(code) }));
}

/** A code in words; of one that is not known here, at least easier to read. */
export function flagWords(code: string): string {
  return WORDS[code] ?? constant(tamed(code));
}

const WORDS: Readonly<Record<string, string>> = {
  SENSOR_LOST: "The sensor does not answer: there is no reading of the battery.",
  SENSOR_RESET: "The sensor lost its configuration and was set up again.",
  SENSOR_IMPLAUSIBLE: "The sensor's readings contradict each other.",
  COMM_LOSS: "The connection to the sensor failed.",
  OVERCURRENT: "The current is above the limit: charge and load are off.",
  OVERVOLTAGE: "The voltage is above the limit: charging is off.",
  UNDERVOLTAGE: "The voltage is below the limit: the load is off.",
  OVERHEAT: "The battery is too hot: charge and load are off.",
  UNDERTEMP: "The battery is too cold: charge and load are off.",
  CHARGE_TOO_COLD: "The battery is too cold to be charged.",
  CHARGE_TOO_HOT: "The battery is too hot to be charged.",
  LOW_CHARGE: "The charge is low.",
  NOT_SYNCED: "The state of charge is not synchronised: charge the battery full once.",
  PROBE_LOST: "The temperature probe does not answer: lithium is not charged.",
  BOARD_UNDERVOLTAGE: "The device's own supply voltage is too low.",
};
