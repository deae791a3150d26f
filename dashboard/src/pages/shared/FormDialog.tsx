import type { ReactNode } from "react";
import { Dialog } from "./Dialog";
import type { Action } from "./useRemote";

interface FormDialogProps {
  title: string;
  /** Takes what was entered. */
  saving: Action<[FormData]>;
  onCancel: () => void;
  children: ReactNode;
}

/** A dialog with fields, to be saved or left as they were. */
export function FormDialog({ title, saving, onCancel, children }: FormDialogProps) {
  return (
    <Dialog title={title} onClose={onCancel}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void saving.run(new FormData(event.currentTarget));
        }}
      >
        {children}
        <p className="form-failure" role="alert">
          {saving.failure}
        </p>
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={onCancel}>
            Cancel
          </button>
          <button type="submit" className="button button-main" aria-disabled={saving.busy}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
