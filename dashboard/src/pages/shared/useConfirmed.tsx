import { useState, type ReactNode } from "react";
import { Confirm } from "./Dialog";
import { useAction } from "./useRemote";

/** What is asked before something is done. */
interface Question {
  title: string;
  /** What the button says that does it. */
  action: string;
  /** What will come of it. */
  children: ReactNode;
}

/** Something that is done only after a question: `dialog` belongs into the component, `ask` into its buttons. */
export interface Confirmed<T> {
  ask: (what: T) => void;
  dialog: ReactNode;
}

/** Does `act` to what was asked about, once somebody has said yes to `question`; a failure stays in the dialog. */
export function useConfirmed<T>(act: (what: T) => Promise<unknown>, question: (what: T) => Question): Confirmed<T> {
  const [asked, setAsked] = useState<{ what: T } | null>(null);
  const doing = useAction(async (what: T) => {
    await act(what);
    setAsked(null);
  });
  const dialog = asked !== null && (
    <Confirm
      {...question(asked.what)}
      busy={doing.busy}
      failure={doing.failure}
      onCancel={() => setAsked(null)}
      onConfirm={() => void doing.run(asked.what)}
    />
  );
  const ask = (what: T) => {
    // What went wrong with another one.
    doing.clear();
    setAsked({ what });
  };
  return { ask, dialog };
}
