import { changeDevice, type Registered } from "../../api/admin";
import { Dialog } from "../shared/Dialog";
import { useAction } from "../shared/useRemote";

/** The name for people; the id stays what it is. */
export function RenameDialog({ device, onDone, onCancel }: { device: Registered; onDone: () => void; onCancel: () => void }) {
  const renaming = useAction(async (name: string) => {
    await changeDevice(device.deviceId, { name: name === "" ? null : name });
    onDone();
  });
  return (
    <Dialog title={`Rename ${device.deviceId}`} onClose={onCancel}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void renaming.run(String(new FormData(event.currentTarget).get("name")).trim());
        }}
      >
        <label className="labelled">
          <span className="labelled-title">Name (empty: none)</span>
          <input className="input" name="name" maxLength={200} defaultValue={device.name ?? ""} data-testid="rename" />
        </label>
        <p className="form-failure" role="alert">
          {renaming.failure}
        </p>
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={onCancel}>
            Cancel
          </button>
          <button type="submit" className="button button-main" disabled={renaming.busy}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
