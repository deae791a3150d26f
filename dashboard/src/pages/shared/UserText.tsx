import { useState } from "react";
import { tamed } from "../../format";

/** Longer texts begin folded. */
const FOLDED = 280;

/**
 * A text that somebody else wrote: a device, a user. Its direction cannot disturb its neighbours, it breaks anywhere,
 * and of a very long one the beginning is shown first.
 */
export function UserText({ children, limit = FOLDED }: { children: string; limit?: number }) {
  const [open, setOpen] = useState(false);
  const text = tamed(children);
  const folded = !open && text.length > limit;
  return (
    <>
      <bdi className="user-text">{folded ? `${text.slice(0, limit)}…` : text}</bdi>
      {text.length > limit && (
        <>
          {" "}
          <button type="button" className="link-button" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Less" : `All ${text.length} characters`}
          </button>
        </>
      )}
    </>
  );
}

/** The same where there is no room to unfold. */
export function ShortText({ children, limit = 60 }: { children: string; limit?: number }) {
  const text = tamed(children);
  const cut = text.length > limit;
  return (
    <bdi className="user-text" title={cut ? text.slice(0, 1_000) : undefined}>
      {cut ? `${text.slice(0, limit)}…` : text}
    </bdi>
  );
}
