import { useMemo } from "react";
import type { History } from "../../api/history";
import { EnergyChart } from "./EnergyChart";
import { energyBars, energyText } from "./tables";
import type { HistoryTheme } from "./useHistoryTheme";

/** A bar that would be thinner is one of a month, px. */
const THINNEST = 3;
const AXIS = 90;

interface EnergyPanelProps {
  histories: readonly History[];
  theme: HistoryTheme;
  /** px. */
  width: number;
}

/** Energy charged and discharged, a bar a day; of a long span on a narrow screen a bar a month. */
export function EnergyPanel({ histories, theme, width }: EnergyPanelProps) {
  const first = histories[0];
  const days = first === undefined ? 0 : (first.toMs - first.fromMs) / 86_400_000;
  const period = (width - AXIS) / days < THINNEST ? "month" : "day";
  const bars = useMemo(() => histories.map((history) => energyBars(history, period)), [histories, period]);
  const totals = bars.map((device) => ({
    inWh: device.reduce((sum, { inWh }) => sum + inWh, 0),
    outWh: device.reduce((sum, { outWh }) => sum + outWh, 0),
  }));
  const words = totals.map(({ inWh, outWh }) => `${energyText(inWh)} charged, ${energyText(outWh)} discharged`);
  const none = totals.every(({ inWh, outWh }) => inWh === 0 && outWh === 0);
  return (
    <section className="history-panel" aria-label="Energy" data-testid="history-energy">
      <header className="history-head">
        <h3 className="history-title marked accent-energy">Energy per {period}</h3>
        <ul className="history-readings">
          {histories.map(({ deviceId }, i) => (
            <li key={deviceId} className={i === 0 ? "" : "is-compared"}>
              {histories.length > 1 && <span className="muted">{deviceId} </span>}
              {words[i]}
            </li>
          ))}
        </ul>
      </header>
      {none ? (
        <p className="history-none">No energy in this span.</p>
      ) : (
        <EnergyChart bars={bars} period={period} theme={theme} label={`Energy per ${period}: ${words.join("; ")}`} />
      )}
    </section>
  );
}
