import type { TelemetryPayload } from "../telemetry";
import { faultsOf } from "../components/faults";

/** What the device itself says is wrong. */
export function FaultBanner({ sample }: { sample: TelemetryPayload | null }) {
  const faults = faultsOf(sample);
  if (faults.length === 0) return null;
  const severe = faults.some((fault) => fault.severe);
  return (
    <div className={`notice notice-${severe ? "bad" : "warn"}`} role="alert">
      <ul className="faults">
        {faults.map(({ code, text }) => (
          <li key={code}>
            <bdi>{text}</bdi> <code>{code}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}
