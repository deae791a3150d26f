import { useState, type ReactNode } from "react";
import { CopyButton } from "./CopyButton";
import { Dialog } from "./Dialog";

interface OnceDialogProps {
  title: string;
  /** What one says before it closes, such as "The token is where it belongs". */
  promise: string;
  onClose: () => void;
  children: ReactNode;
}

/** What is shown this once: it closes only when it was said that it is kept. */
export function OnceDialog({ title, promise, onClose, children }: OnceDialogProps) {
  const [kept, setKept] = useState(false);
  return (
    <Dialog title={title} onClose={onClose} insistent={!kept}>
      <div className="dialog-body" data-testid="secret">
        {children}
        <label className="check">
          <input type="checkbox" checked={kept} data-testid="secret-kept" onChange={(event) => setKept(event.target.checked)} />
          {promise}
        </label>
      </div>
      <div className="dialog-buttons">
        <button type="button" className="button button-main" data-testid="secret-close" disabled={!kept} onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

/** A text to be copied to where it is used. */
export function Copyable({ title, text, testId }: { title: string; text: string; testId?: string }) {
  return (
    <div>
      <div className="code-head">
        <p className="labelled-title">{title}</p>
        <CopyButton text={text} />
      </div>
      <pre className="code-block" data-testid={testId}>
        {text}
      </pre>
    </div>
  );
}
