import type { BatteryTelemetry } from "../telemetry";
import { decimal } from "../format";
import { level } from "../components/SocBar";

const RADIUS = 54;
/** The scale is three quarters of a circle, open at the bottom. */
const ARC = 0.75 * 2 * Math.PI * RADIUS;

/** The state of charge as an arc, with the interval that holds the truth as a paler arc around it. */
export function SocGauge({ battery }: { battery: BatteryTelemetry }) {
  const { soc, soc_low: low, soc_high: high } = battery;
  return (
    <div className="gauge">
      <svg viewBox="0 0 128 116" aria-hidden="true">
        <Arc className="gauge-track" from={0} to={100} />
        {low !== undefined && high !== undefined && <Arc className="gauge-interval" from={low} to={high} />}
        {soc !== undefined && <Arc className={`gauge-value gauge-${level(soc)}`} from={0} to={soc} />}
      </svg>
      <p className="gauge-number">
        <span className="number" data-testid="live-soc" data-value={soc ?? ""}>
          {decimal(soc, soc !== undefined && soc >= 99.95 ? 0 : 1)}
        </span>
        <span className="unit">%</span>
      </p>
    </div>
  );
}

function Arc({ className, from, to }: { className: string; from: number; to: number }) {
  const length = (Math.max(0, to - from) / 100) * ARC;
  return (
    <circle
      className={className}
      cx="64"
      cy="64"
      r={RADIUS}
      fill="none"
      strokeDasharray={`${length} ${2 * Math.PI * RADIUS}`}
      strokeDashoffset={-(from / 100) * ARC}
      transform="rotate(135 64 64)"
    />
  );
}
