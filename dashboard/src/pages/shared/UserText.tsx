import { useState } from "react";

/** Longer texts begin folded. */
const FOLDED = 280;

/**
 * A text that somebody else wrote: a device, a user. Its direction cannot disturb its neighbours, it breaks anywhere,
 * and of a very long one the beginning is shown first.
 */
export function UserText({ children, limit = FOLDED }: { children: string; limit?: number }) {
  const [open, setOpen] = useState(false);
  const folded = !open && children.length > limit;
  return (
    <>
      <bdi className="user-text">{folded ? `${children.slice(0, limit)}…` : children}</bdi>
      {children.length > limit && (
        <>
          {" "}
          <button type="button" className="link-button" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Less" : `All ${children.length} characters`}
          </button>
        </>
      )}
    </>
  );
}

/** The same where there is no room to unfold. */
export function ShortText({ children, limit = 60 }: { children: string; limit?: number }) {
  const cut = children.length > limit;
  return (
    <bdi className="user-text" title={cut ? children.slice(0, 1_000) : undefined}>
      {cut ? `${children.slice(0, limit)}…` : children}
    </bdi>
  );
}
