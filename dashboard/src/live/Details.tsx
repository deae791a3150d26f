import { constant, decimal, duration, power } from "../format";
import type { BatteryTelemetry, TelemetryPayload } from "../telemetry";

/** Everything else the sample tells; only what it does tell. */
export function Details({ sample, stale }: { sample: TelemetryPayload; stale: boolean }) {
  const groups = groupsOf(sample).flatMap(([title, facts]) => {
    const known = facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
    return known.length === 0 ? [] : [{ title, known }];
  });
  return (
    <section className={`card details ${stale ? "is-stale" : ""}`} aria-label="Details">
      {groups.map(({ title, known }) => (
        <div key={title} className="details-group">
          <h2 className="card-title">{title}</h2>
          <dl>
            {known.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </div>
      ))}
    </section>
  );
}

type Facts = [name: string, value: string | undefined][];

function groupsOf({ battery, system_status: system, grid, solar, load, clock }: TelemetryPayload): [string, Facts][] {
  return [
    [
      "System",
      [
        ["State", system?.state === undefined ? undefined : constant(system.state)],
        ["Mode", system?.mode === undefined ? undefined : constant(system.mode)],
        ["Wi-Fi signal", unit(system?.wifi_strength, 0, "dBm")],
        ["Processor", unit(system?.cpu_temperature, 1, "°C")],
        ["Board supply", system?.undervoltage === undefined ? undefined : system.undervoltage ? "too low" : "good"],
        ["Up for", system?.uptime_seconds === undefined ? undefined : duration(system.uptime_seconds)],
        ["Firmware", system?.firmware_version],
        ["Device clock", clock === undefined ? undefined : CLOCK[clock]],
      ],
    ],
    [
      "Battery",
      [
        ["Temperature", unit(battery.temperature, 1, "°C")],
        ["Charging", allowed(battery.charge_allowed)],
        ["Load", allowed(battery.load_allowed)],
        ["Synchronised", since(battery)],
        ["Moved since", unit(battery.ah_since_sync, 1, "Ah")],
        ["Uncertainty", plusMinus(battery.soc_uncertainty)],
        ["Health", unit(battery.soh, 0, "%")],
        ["Capacity", unit(battery.capacity, 2, "kWh")],
        ["Charged in all", unit(battery.energy_in, 1, "kWh")],
        ["Discharged in all", unit(battery.energy_out, 1, "kWh")],
        ["Cycles", battery.cycle_count === undefined ? undefined : decimal(battery.cycle_count, 0)],
      ],
    ],
    [
      "Around it",
      [
        ["Solar", watts(solar?.power)],
        ["Load", watts(load?.power)],
        ["Grid", watts(grid?.power)],
        ["Grid voltage", unit(grid?.voltage, 1, "V")],
        ["Grid frequency", unit(grid?.frequency, 2, "Hz")],
        ["Power factor", grid?.power_factor === undefined ? undefined : decimal(grid.power_factor, 2)],
        ["Imported", unit(grid?.energy_import, 1, "kWh")],
        ["Exported", unit(grid?.energy_export, 1, "kWh")],
        ["Grid state", grid?.status],
      ],
    ],
  ];
}

const CLOCK = {
  synced: "synchronised",
  server: "set by the server",
  restored: "restored, not yet checked",
  unsynced: "not synchronised",
} as const;

function allowed(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? "allowed" : "not allowed";
}

/** Since the estimate was tied to a full or empty battery. */
function since({ synced, hours_since_sync: hours }: BatteryTelemetry): string | undefined {
  if (synced === false) return "not yet";
  if (hours !== undefined) return `${duration(hours * 3_600)} ago`;
  return synced === true ? "yes" : undefined;
}

/** The interval of 95 % is two standard uncertainties to either side. */
function plusMinus(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `± ${decimal(2 * value, 1)}\u202f%`;
}

function unit(value: number | undefined, digits: number, symbol: string): string | undefined {
  return value === undefined ? undefined : `${decimal(value, digits)}\u202f${symbol}`;
}

function watts(value: number | undefined): string | undefined {
  if (value === undefined) return undefined;
  const shown = power(value);
  return `${shown.value}\u202f${shown.unit}`;
}
