import { useMemo } from "react";
import { setQuery, useLocation } from "../router";
import { CURVES, USUAL, type Curve } from "./curves";

/** Spans that can be chosen, s. */
export const WINDOWS = [60, 300, 900, 3_600] as const;

const DEFAULT_WINDOW = 900;

/** Which curves are shown of which span: in the address, so that a link restores the view. */
export interface ChartView {
  windowS: number;
  setWindow: (seconds: number) => void;
  curves: readonly Curve[];
  setCurves: (curves: readonly Curve[]) => void;
}

export function useChartView(): ChartView {
  const { query } = useLocation();
  const minutes = Number(query.get("minutes"));
  const names = query.get("curves") ?? USUAL.join(" ");
  const curves = useMemo(() => {
    const wanted = names.split(" ");
    const found = CURVES.filter(({ key }) => wanted.includes(key));
    return found.length > 0 ? found : CURVES.filter(({ key }) => USUAL.includes(key));
  }, [names]);
  return {
    windowS: WINDOWS.find((seconds) => seconds === minutes * 60) ?? DEFAULT_WINDOW,
    setWindow: (seconds) => setQuery({ minutes: seconds === DEFAULT_WINDOW ? null : String(seconds / 60) }),
    curves,
    setCurves: (chosen) => {
      const keys = chosen.map(({ key }) => key).join(" ");
      setQuery({ curves: keys === USUAL.join(" ") || keys === "" ? null : keys });
    },
  };
}
