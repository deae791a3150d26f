import { useState } from "react";
import { clockTime, tamed } from "../../format";
import { CopyButton } from "../shared/CopyButton";
import { pretty, type Described } from "./frame";

const PREVIEW = 140;
/** A longer frame would hold up the page; copying gives all that is kept of it. */
const MAX_SHOWN = 60_000;

/** One frame: when, which way, of what type, and all of it on demand. */
export function MessageRow({ described: { frame, type, about } }: { described: Described }) {
  const [open, setOpen] = useState(false);
  const { direction, atMs, text, cutFrom } = frame;
  return (
    <li className={`message message-${direction}`} data-testid="message" data-type={type}>
      <button type="button" className="message-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className="message-time">{clockTime(atMs)}</span>
        <span className="message-direction">{direction}</span>
        <span className="message-type">
          <bdi>{tamed(type)}</bdi>
        </span>
        <span className="message-about">
          <bdi>{tamed(about)}</bdi>
        </span>
        <span className="message-size">{size(cutFrom ?? text.length)}</span>
        {!open && (
          <span className="message-preview" aria-hidden="true">
            <bdi>{tamed(text.slice(0, PREVIEW))}</bdi>
          </span>
        )}
      </button>
      {open && (
        <div className="message-body">
          <CopyButton text={text} />
          {cutFrom !== undefined && <p className="muted">Only the beginning is kept: {size(text.length)} of {size(cutFrom)}.</p>}
          {/* It scrolls: the keyboard has to reach it. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre className="code-block" tabIndex={0} aria-label="The frame">
            {pretty(text).slice(0, MAX_SHOWN)}
          </pre>
        </div>
      )}
    </li>
  );
}

function size(length: number): string {
  return length < 1_024 ? `${length} B` : `${(length / 1_024).toFixed(1)} KiB`;
}
