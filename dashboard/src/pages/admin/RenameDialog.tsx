import { changeDevice, type Registered } from "../../api/admin";
import { FormDialog } from "../shared/FormDialog";
import { useAction } from "../shared/useRemote";

/** What people call it and have to know of it; the id stays what it is. */
export function RenameDialog({ device, onDone, onCancel }: { device: Registered; onDone: () => void; onCancel: () => void }) {
  const renaming = useAction(async (form: FormData) => {
    const entered = (field: string) => String(form.get(field)).trim() || null;
    await changeDevice(device.deviceId, { name: entered("name"), notes: entered("notes") });
    onDone();
  });
  return (
    <FormDialog title={`Rename ${device.deviceId}`} saving={renaming} onCancel={onCancel}>
      <label className="labelled">
        <span className="labelled-title">Name (empty: none)</span>
        <input className="input" name="name" maxLength={200} defaultValue={device.name ?? ""} data-testid="rename" />
      </label>
      <label className="labelled">
        <span className="labelled-title">Notes</span>
        <textarea className="input" name="notes" rows={4} maxLength={4000} defaultValue={device.notes ?? ""} />
      </label>
    </FormDialog>
  );
}
