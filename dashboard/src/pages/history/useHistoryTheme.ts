import { useMemo } from "react";
import { useTheme, type Theme } from "../../theme";

/** The colours a canvas cannot take from the style sheet by itself. */
export interface HistoryTheme {
  scheme: Theme;
  text: string;
  grid: string;
  mark: string;
  voltage: string;
  current: string;
  power: string;
  soc: string;
  temperature: string;
  solar: string;
  load: string;
  "grid-power": string;
  /** Of the second device. */
  compare: string;
  energyIn: string;
  energyOut: string;
  font: string;
}

/** The charts' colours of the present colour scheme; changes with it. */
export function useHistoryTheme(): HistoryTheme {
  const theme = useTheme();
  // The style sheet's colours are those of the scheme once it is on the document, which is before anybody is told.
  return useMemo(() => read(theme), [theme]);
}

function read(scheme: Theme): HistoryTheme {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    scheme,
    text: color("muted"),
    grid: color("grid"),
    mark: color("warn"),
    voltage: color("voltage"),
    current: color("current"),
    power: color("power"),
    soc: color("soc"),
    temperature: color("temperature"),
    solar: color("solar"),
    load: color("load"),
    "grid-power": color("grid-power"),
    compare: color("text"),
    energyIn: color("good"),
    energyOut: color("power"),
    font: `11px ${style.fontFamily}`,
  };
}
