import { useState } from "react";
import { Stamp } from "../shared/Stamp";
import { PRESETS, type View } from "./view";

interface SpanControlsProps {
  span: View["span"];
  /** What is shown; `null` while nothing is. Unix ms. */
  bounds: { fromMs: number; toMs: number } | null;
  onPreset: (span: View["span"]) => void;
  /** Moves by `by` of the span's length, and makes it `zoom` times as long. */
  onMove: (by: number, zoom: number) => void;
}

/** Which stretch of time is shown. */
export function SpanControls({ span, bounds, onPreset, onMove }: SpanControlsProps) {
  const [open, setOpen] = useState(false);
  return (
    <div className="span-controls">
      <div className="segmented" role="group" aria-label="Span">
        {PRESETS.map(({ key, title }) => (
          <button
            key={key}
            type="button"
            className="segment"
            aria-pressed={span === key}
            data-testid={`span-${key}`}
            onClick={() => onPreset(key)}
          >
            <span className="visually-hidden">Last </span>
            {title}
          </button>
        ))}
        <button
          type="button"
          className="segment"
          aria-pressed={typeof span !== "string"}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          From … to …
        </button>
      </div>
      <div className="span-moves" role="group" aria-label="Move and zoom">
        <button type="button" className="button button-compact" aria-label="Earlier" onClick={() => onMove(-0.5, 1)}>
          ←
        </button>
        <button type="button" className="button button-compact" aria-label="Later" onClick={() => onMove(0.5, 1)}>
          →
        </button>
        <button type="button" className="button button-compact" aria-label="Zoom in" onClick={() => onMove(0, 0.5)}>
          +
        </button>
        <button type="button" className="button button-compact" aria-label="Zoom out" onClick={() => onMove(0, 2)}>
          −
        </button>
      </div>
      <p className="span-words" data-testid="history-span">
        {bounds !== null && (
          <>
            <Stamp ms={bounds.fromMs} /> to <Stamp ms={bounds.toMs} />
          </>
        )}
      </p>
      {open && bounds !== null && (
        <SpanForm
          fromMs={bounds.fromMs}
          toMs={bounds.toMs}
          onSpan={(chosen) => {
            setOpen(false);
            onPreset(chosen);
          }}
        />
      )}
    </div>
  );
}

function SpanForm({ fromMs, toMs, onSpan }: { fromMs: number; toMs: number; onSpan: (span: { fromMs: number; toMs: number }) => void }) {
  const [failure, setFailure] = useState<string | null>(null);
  return (
    <form
      className="form-row"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        // Without a zone, an input's time is a local one.
        const chosen = { fromMs: Date.parse(String(form.get("from"))), toMs: Date.parse(String(form.get("to"))) };
        if (chosen.toMs > chosen.fromMs) onSpan(chosen);
        else setFailure("The end has to be after the beginning.");
      }}
    >
      <label className="labelled">
        <span className="labelled-title">From</span>
        <input className="input" type="datetime-local" name="from" required defaultValue={localInput(fromMs)} />
      </label>
      <label className="labelled">
        <span className="labelled-title">To</span>
        <input className="input" type="datetime-local" name="to" required defaultValue={localInput(toMs)} />
      </label>
      <button type="submit" className="button button-main">
        Show
      </button>
      <p className="form-failure" role="alert">
        {failure}
      </p>
    </form>
  );
}

/** A time as an input of type datetime-local takes it: local, to the minute. */
export function localInput(ms: number): string {
  const date = new Date(ms);
  const shifted = new Date(ms - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
