interface SocBarProps {
  /** %. */
  soc: number | undefined;
  low?: number | undefined;
  high?: number | undefined;
}

/** A state of charge as a bar, with the interval that holds the truth, for places without room for the gauge. */
export function SocBar({ soc, low, high }: SocBarProps) {
  return (
    <svg className="soc-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect className="soc-bar-track" y="1" width="100" height="8" />
      {soc !== undefined && <rect className={`soc-bar-fill soc-${level(soc)}`} y="1" width={soc} height="8" />}
      {low !== undefined && high !== undefined && (
        <rect className="soc-bar-interval" x={low} y="0" width={Math.max(0.8, high - low)} height="10" />
      )}
    </svg>
  );
}

/** The colour class of a state of charge. */
export function level(soc: number): "low" | "middle" | "high" {
  if (soc < 15) return "low";
  return soc < 35 ? "middle" : "high";
}
