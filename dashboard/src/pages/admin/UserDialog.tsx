import { useState } from "react";
import { changeUser, ROLES, type Account } from "../../api/admin";
import type { Role } from "../../roles";
import { FormDialog } from "../shared/FormDialog";
import { ShortText } from "../shared/UserText";
import { useAction } from "../shared/useRemote";
import { RoleHint, toDeviceIds } from "./RoleHint";

/** Role, devices and password of a user. */
export function UserDialog({ account, onDone, onCancel }: { account: Account; onDone: () => void; onCancel: () => void }) {
  const [role, setRole] = useState<Role>(account.role);
  const saving = useAction(async (form: FormData) => {
    const password = String(form.get("password"));
    const devices = toDeviceIds(String(form.get("devices")));
    await changeUser(account.username, {
      ...(role !== account.role && { role }),
      ...(password !== "" && { password }),
      ...(JSON.stringify(devices) !== JSON.stringify(account.devices) && { devices }),
    });
    onDone();
  });
  return (
    <FormDialog title="Change a user" saving={saving} onCancel={onCancel}>
      <p>
        <strong>
          <ShortText>{account.username}</ShortText>
        </strong>
      </p>
      <label className="labelled">
        <span className="labelled-title">Role</span>
        <select className="input" value={role} onChange={(event) => setRole(event.target.value as Role)}>
          {ROLES.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
        <RoleHint role={role} />
      </label>
      <label className="labelled">
        <span className="labelled-title">Only these devices (empty: all)</span>
        <textarea
          className="input"
          name="devices"
          rows={2}
          defaultValue={account.devices?.join(", ") ?? ""}
          autoCapitalize="none"
          spellCheck={false}
        />
      </label>
      <label className="labelled">
        <span className="labelled-title">New password (empty: as it is)</span>
        <input className="input" name="password" type="password" minLength={8} maxLength={1024} autoComplete="new-password" />
      </label>
      <p className="hint">A change of rights ends the user's connections; a new password ends the sessions too.</p>
    </FormDialog>
  );
}
