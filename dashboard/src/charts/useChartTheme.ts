import { useMemo } from "react";
import { useTheme } from "../theme";

/** What a canvas cannot take from the style sheet by itself. */
export interface ChartTheme {
  text: string;
  grid: string;
  font: string;
  /** The colour of a token. */
  color: (token: string) => string;
}

/** The colours of the present scheme; changes with it. */
export function useChartTheme(): ChartTheme {
  const theme = useTheme();
  return useMemo(() => read(theme), [theme]);
}

function read(_theme: string): ChartTheme {
  const style = getComputedStyle(document.documentElement);
  const color = (token: string) => style.getPropertyValue(`--${token}`).trim();
  return { text: color("muted"), grid: color("grid"), font: `11px ${style.fontFamily}`, color };
}
