import { useMemo } from "react";
import type { Point } from "../telemetry";
import { CURVES, type Curve } from "./curves";

/** So many of the newest samples tell which curves there are. */
const LOOKED_AT = 60;

interface CurveChooserProps {
  points: readonly Point[];
  chosen: readonly Curve[];
  onChange: (curves: readonly Curve[]) => void;
}

/** Which of the curves that this device sends are drawn. */
export function CurveChooser({ points, chosen, onChange }: CurveChooserProps) {
  const known = useMemo(() => {
    const newest = points.slice(-LOOKED_AT);
    return CURVES.filter(({ read }) => newest.some(({ sample }) => read(sample) !== undefined));
  }, [points]);
  const offered = CURVES.filter((curve) => known.includes(curve) || chosen.includes(curve));
  if (offered.length < 2) return null;
  const toggle = (curve: Curve) =>
    onChange(chosen.includes(curve) ? chosen.filter((other) => other !== curve) : CURVES.filter((c) => c === curve || chosen.includes(c)));
  return (
    <details className="curve-chooser">
      <summary>Choose curves</summary>
      <div className="chips" role="group" aria-label="Curves shown">
      {offered.map((curve) => (
        <button
          key={curve.key}
          type="button"
          className={`chip chip-curve marked accent-${curve.color}`}
          aria-pressed={chosen.includes(curve)}
          data-testid={`curve-${curve.key}`}
          onClick={() => toggle(curve)}
        >
          {curve.title}
        </button>
      ))}
      </div>
    </details>
  );
}
