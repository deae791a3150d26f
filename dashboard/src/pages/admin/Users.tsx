import { useCallback, useState, type FormEvent } from "react";
import { addUser, fetchUsers, removeUser, ROLES, type Account } from "../../api/admin";
import { Notice } from "../../components/Notice";
import type { Role } from "../../roles";
import { useUser } from "../../session";
import { Stamp } from "../shared/Stamp";
import { ShortText } from "../shared/UserText";
import { useConfirmed } from "../shared/useConfirmed";
import { useAction, useRemote } from "../shared/useRemote";
import { RoleHint, toDeviceIds } from "./RoleHint";
import { UserDialog } from "./UserDialog";

/** Who may log in, and what they may do. */
export function Users() {
  const me = useUser();
  const load = useCallback((signal: AbortSignal) => fetchUsers(signal), []);
  const { data, failure, reload } = useRemote(load);
  const [editing, setEditing] = useState<Account | null>(null);
  const removing = useConfirmed(
    async ({ username }: Account) => {
      await removeUser(username);
      reload();
    },
    ({ username }) => ({
      title: "Remove this user?",
      action: "Remove",
      children: (
        <p>
          <ShortText>{username}</ShortText> is logged out everywhere and cannot log in again. What this user did stays in
          the audit.
        </p>
      ),
    }),
  );
  return (
    <>
      {failure !== null && <Notice tone="bad" title={failure} />}
      <AddUser onAdded={reload} />
      <section className="card panel" aria-label="Users">
        <h2 className="panel-title">Users</h2>
        <table className="table">
          <thead>
            <tr>
              <th>User</th>
              <th>Role</th>
              <th>Devices</th>
              <th>Since</th>
              <th>
                <span className="visually-hidden">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data?.map((account) => (
              <tr key={account.username} data-testid="user-row" data-role={account.role}>
                <td className="cell-main">
                  <div>
                    <strong>
                      <ShortText>{account.username}</ShortText>
                    </strong>
                    {account.username === me.username && <span className="tag">you</span>}
                  </div>
                </td>
                <td data-label="Role">{account.role}</td>
                <td data-label="Devices">{devicesWords(account.devices)}</td>
                <td data-label="Since">{account.createdMs === null ? "" : <Stamp ms={account.createdMs} />}</td>
                <td>
                  <div className="row-buttons">
                    <button type="button" className="button" onClick={() => setEditing(account)}>
                      Change<span className="visually-hidden"> {account.username.slice(0, 64)}</span>
                    </button>
                    <button
                      type="button"
                      className="button"
                      disabled={account.username === me.username}
                      onClick={() => removing.ask(account)}
                    >
                      Remove<span className="visually-hidden"> {account.username.slice(0, 64)}</span>
                    </button>
                  </div>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {editing !== null && (
        <UserDialog
          account={editing}
          onCancel={() => setEditing(null)}
          onDone={() => {
            setEditing(null);
            reload();
          }}
        />
      )}
      {removing.dialog}
    </>
  );
}

function AddUser({ onAdded }: { onAdded: () => void }) {
  const [role, setRole] = useState<Role>("viewer");
  const [said, setSaid] = useState<string | null>(null);
  const adding = useAction(async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const username = String(data.get("username")).trim();
    const devices = toDeviceIds(String(data.get("devices")));
    await addUser({ username, password: String(data.get("password")), role, devices });
    form.reset();
    setRole("viewer");
    setSaid("Added. Tell the password in person; the user can change it after the login.");
    onAdded();
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setSaid(null);
    void adding.run(event.currentTarget);
  };
  return (
    <form className="card panel" onSubmit={submit} aria-label="New user" data-testid="new-user">
      <h2 className="panel-title">New user</h2>
      <div className="form-row">
        <label className="labelled labelled-grow">
          <span className="labelled-title">User name</span>
          <input className="input" name="username" required maxLength={64} autoComplete="off" autoCapitalize="none" spellCheck={false} />
        </label>
        <label className="labelled labelled-grow">
          <span className="labelled-title">Password (8 or more)</span>
          <input className="input" name="password" type="password" required minLength={8} maxLength={1024} autoComplete="new-password" />
        </label>
        <label className="labelled">
          <span className="labelled-title">Role</span>
          <select className="input" name="role" value={role} onChange={(event) => setRole(event.target.value as Role)}>
            {ROLES.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label className="labelled labelled-grow">
          <span className="labelled-title">Only these devices (empty: all)</span>
          <input className="input" name="devices" placeholder="ems_001, ems_002" autoCapitalize="none" spellCheck={false} />
        </label>
        <button type="submit" className="button button-main" aria-disabled={adding.busy}>
          Add
        </button>
      </div>
      <RoleHint role={role} />
      <p className="form-failure" role="alert">
        {adding.failure}
      </p>
      <p className="form-said" role="status">
        {said}
      </p>
    </form>
  );
}

function devicesWords(devices: readonly string[] | null): string {
  if (devices === null) return "all";
  return devices.length <= 4 ? devices.join(", ") || "none" : `${devices.slice(0, 3).join(", ")} and ${devices.length - 3} more`;
}
