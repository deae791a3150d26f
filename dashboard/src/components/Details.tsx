import { constant, decimal, duration, power } from "../format";
import type { TelemetryPayload } from "../telemetry";

/** Everything else the sample tells; only what it does tell. */
export function Details({ sample }: { sample: TelemetryPayload }) {
  const groups = groupsOf(sample).flatMap(([title, facts]) => {
    const known = facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
    return known.length === 0 ? [] : [{ title, known }];
  });
  return (
    <section className="card details" aria-label="Details">
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
        ["Up for", system?.uptime_seconds === undefined ? undefined : duration(system.uptime_seconds)],
        ["Firmware", system?.firmware_version],
        ["Device clock", clock === undefined ? undefined : CLOCK[clock]],
      ],
    ],
    [
      "Battery",
      [
        ["Temperature", unit(battery.temperature, 1, "°C")],
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

function unit(value: number | undefined, digits: number, symbol: string): string | undefined {
  return value === undefined ? undefined : `${decimal(value, digits)}\u202f${symbol}`;
}

function watts(value: number | undefined): string | undefined {
  if (value === undefined) return undefined;
  const shown = power(value);
  return `${shown.value}\u202f${shown.unit}`;
}
