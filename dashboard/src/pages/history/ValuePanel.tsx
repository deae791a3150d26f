import { useMemo } from "react";
import { nearest } from "../../charts/columns";
import type { History } from "../../api/history";
import { decimal, signed, UNKNOWN } from "../../format";
import { HistoryChart } from "./HistoryChart";
import { fieldTable } from "./tables";
import type { HistoryTheme } from "./useHistoryTheme";
import type { Field } from "./view";

interface ValuePanelProps {
  field: Field;
  histories: readonly History[];
  span: readonly [number, number];
  theme: HistoryTheme;
  marks: readonly number[];
  /** Unix s. */
  cursor: number | null;
  onCursor: (seconds: number | null) => void;
  onSelect: (from: number, to: number) => void;
  onZoomOut: () => void;
}

/** One value of one device or two: its numbers at the cursor, and its curve. */
export function ValuePanel({ field, histories, cursor, ...rest }: ValuePanelProps) {
  const table = useMemo(() => fieldTable(histories, field.key), [histories, field.key]);
  const none = histories.every(({ series }) => series.get(field.key)?.mean.every((value) => value === null) ?? true);
  const said = histories.map((history) => inWords(history, field));
  return (
    <section className="history-panel" aria-label={field.title} data-testid="history-panel" data-field={field.key}>
      <header className="history-head">
        <h3 className={`history-title marked accent-${field.color}`}>{field.title}</h3>
        <ul className="history-readings">
          {histories.map((history, i) => (
            <li key={history.deviceId} className={i === 0 ? "" : "is-compared"}>
              {histories.length > 1 && <span className="muted">{history.deviceId} </span>}
              <Reading history={history} field={field} cursor={cursor} />
            </li>
          ))}
        </ul>
      </header>
      {none ? (
        <p className="history-none">No values in this span.</p>
      ) : (
        <HistoryChart field={field} table={table} cursor={cursor} label={`${field.title}: ${said.join("; ")}`} {...rest} />
      )}
    </section>
  );
}

function Reading({ history, field, cursor }: { history: History; field: Field; cursor: number | null }) {
  const show = shower(field);
  const series = history.series.get(field.key);
  if (cursor === null) return <span className="muted">{inWords(history, field)}</span>;
  const half = history.stepMs / 2_000;
  const times = history.at.map((ms) => ms / 1_000 + half);
  const row = nearest(times, cursor, half * 1.01);
  const [min, mean, max] = [series?.min, series?.mean, series?.max].map((column) => (row === null ? null : (column?.[row] ?? null)));
  if (mean === null || mean === undefined) return <span className="number">{UNKNOWN}</span>;
  return (
    <>
      <span className="number">{show(mean)}</span>
      <span className="unit">{field.unit}</span>
      {min !== null && min !== undefined && max !== null && max !== undefined && min !== max && (
        <span className="muted small">
          {" "}
          {show(min)} … {show(max)}
        </span>
      )}
    </>
  );
}

function inWords(history: History, field: Field): string {
  const series = history.series.get(field.key);
  let [low, high] = [Infinity, -Infinity];
  for (const value of series?.min ?? []) if (value !== null && value < low) low = value;
  for (const value of series?.max ?? []) if (value !== null && value > high) high = value;
  if (low > high) return "no values";
  const show = shower(field);
  return `${show(low)} … ${show(high)} ${field.unit}`;
}

function shower(field: Field): (value: number) => string {
  return (value) => (field.signed === true ? signed : decimal)(value, field.digits);
}
