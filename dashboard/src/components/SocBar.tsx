/** A state of charge as a bar, for places without room for the gauge. */
export function SocBar({ soc }: { soc: number | undefined }) {
  return (
    <svg className="soc-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect className="soc-bar-track" width="100" height="8" />
      {soc !== undefined && <rect className={`soc-bar-fill soc-${level(soc)}`} width={soc} height="8" />}
    </svg>
  );
}

/** The colour class of a state of charge. */
export function level(soc: number): "low" | "middle" | "high" {
  if (soc < 15) return "low";
  return soc < 35 ? "middle" : "high";
}
