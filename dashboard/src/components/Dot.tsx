/** How good a state is; told by words beside it too, never by colour alone. */
export type Tone = "good" | "warn" | "bad" | "idle";

/** A small coloured mark whose shape differs by tone. */
export function Dot({ tone }: { tone: Tone }) {
  return <span className={`dot dot-${tone}`} aria-hidden="true" />;
}
