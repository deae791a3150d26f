import { useState, type FormEvent } from "react";
import { changePassword } from "../../api/account";
import { useSession, useUser } from "../../session";
import { useTitle } from "../../title";
import { ShortText } from "../shared/UserText";
import { useAction } from "../shared/useRemote";
import "../shared/shared.css";

/** One's own password. */
export default function AccountPage() {
  useTitle("Password");
  const user = useUser();
  const { ended } = useSession();
  const [unequal, setUnequal] = useState(false);
  const changing = useAction(async (old: string, next: string) => {
    await changePassword(old, next);
    ended();
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [old, next, again] = ["old", "next", "again"].map((name) => String(form.get(name)));
    setUnequal(next !== again);
    if (next === again) void changing.run(old ?? "", next ?? "");
  };
  return (
    <>
      <div className="page-head">
        <h1>Password</h1>
        <p className="page-note">
          of <ShortText>{user.username}</ShortText>
        </p>
      </div>
      <form className="card panel account" data-testid="account" onSubmit={submit} aria-label="Change the password">
        <Password name="old" title="Present password" autoComplete="current-password" />
        <Password name="next" title="New password (8 or more)" autoComplete="new-password" />
        <Password name="again" title="New password again" autoComplete="new-password" />
        <p className="hint">Afterwards you log in anew, here and wherever else you are logged in.</p>
        <p className="form-failure" role="alert">
          {unequal ? "The new passwords are not the same." : changing.failure}
        </p>
        <div>
          <button type="submit" className="button button-main" aria-disabled={changing.busy}>
            Change the password
          </button>
        </div>
      </form>
    </>
  );
}

function Password({ name, title, autoComplete }: { name: string; title: string; autoComplete: string }) {
  return (
    <label className="labelled">
      <span className="labelled-title">{title}</span>
      <input
        className="input"
        name={name}
        type="password"
        required
        minLength={name === "old" ? undefined : 8}
        maxLength={1024}
        autoComplete={autoComplete}
      />
    </label>
  );
}
