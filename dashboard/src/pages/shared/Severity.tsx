import { Dot, type Tone } from "../../components/Dot";
import type { Severity } from "../../telemetry";

const TONES: Readonly<Record<Severity, Tone>> = { info: "idle", warning: "warn", error: "bad" };

/** How much something matters, by shape, colour and word. */
export function SeverityMark({ severity }: { severity: Severity }) {
  return (
    <span className={`severity severity-${severity}`}>
      <Dot tone={TONES[severity]} />
      {severity}
    </span>
  );
}
