import { useEffect, useState } from "react";

/** The colours a canvas cannot take from the style sheet by itself. */
export interface ChartTheme {
  text: string;
  grid: string;
  voltage: string;
  current: string;
  soc: string;
  socBand: string;
  font: string;
}

/** The chart's colours of the present colour scheme; changes with it. */
export function useChartTheme(): ChartTheme {
  const [theme, setTheme] = useState(read);
  useEffect(() => {
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const update = () => setTheme(read());
    scheme.addEventListener("change", update);
    return () => scheme.removeEventListener("change", update);
  }, []);
  return theme;
}

function read(): ChartTheme {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: color("muted"),
    grid: color("grid"),
    voltage: color("voltage"),
    current: color("current"),
    soc: color("soc"),
    socBand: color("soc-band"),
    font: `11px ${style.fontFamily}`,
  };
}
