import { UserText } from "../shared/UserText";
import { SeverityMark } from "../shared/Severity";
import { Stamp } from "../shared/Stamp";
import type { Mark } from "./marks";

interface MarkLaneProps {
  marks: readonly Mark[];
  /** Unix ms. */
  fromMs: number;
  toMs: number;
  selected: string | null;
  onSelect: (key: string | null) => void;
}

/** What happened, as marks on the same axis as the curves. The list below it says the same in words. */
export function MarkLane({ marks, fromMs, toMs, selected, onSelect }: MarkLaneProps) {
  return (
    <svg className="lane" aria-hidden="true" preserveAspectRatio="none" viewBox="0 0 1000 20">
      <line x1="0" x2="1000" y1="10" y2="10" className="lane-line" vectorEffect="non-scaling-stroke" />
      {marks.map(({ key, timeMs, severity }) => {
        const x = (1_000 * (timeMs - fromMs)) / (toMs - fromMs);
        return (
          <line
            key={key}
            x1={x}
            x2={x}
            y1={key === selected ? 0 : 4}
            y2={key === selected ? 20 : 16}
            className={`lane-mark lane-${severity} ${key === selected ? "is-selected" : ""}`}
            vectorEffect="non-scaling-stroke"
            onClick={() => onSelect(key === selected ? null : key)}
          />
        );
      })}
    </svg>
  );
}

const SHOWN = 50;

/** The same in words; choosing one shows it on the curves. */
export function MarkList({ marks, selected, onSelect }: Pick<MarkLaneProps, "marks" | "selected" | "onSelect">) {
  return (
    <section className="card panel" aria-label="What happened">
      <header className="panel-head">
        <h2 className="panel-title">What happened</h2>
        <p className="muted small">events, alarms and commands, newest first</p>
      </header>
      {marks.length === 0 && <p className="muted">Nothing in this span.</p>}
      <ul className="mark-list">
        {marks.slice(0, SHOWN).map(({ key, timeMs, kind, severity, title, text }) => (
          <li key={key} className={`mark ${key === selected ? "is-selected" : ""}`}>
            <button
              type="button"
              className="mark-time"
              aria-pressed={key === selected}
              onClick={() => onSelect(key === selected ? null : key)}
            >
              <Stamp ms={timeMs} />
            </button>
            <span className="mark-kind">
              {kind === "event" ? <SeverityMark severity={severity} /> : <span className="muted small">{kind}</span>}
            </span>
            <span className="mark-text">
              <strong>
                <UserText limit={80}>{title}</UserText>
              </strong>{" "}
              <UserText>{text}</UserText>
            </span>
          </li>
        ))}
      </ul>
      {marks.length > SHOWN && <p className="muted small">{marks.length - SHOWN} older ones: narrow the span.</p>}
    </section>
  );
}
