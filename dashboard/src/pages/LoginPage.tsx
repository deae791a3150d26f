import { useState, type FormEvent } from "react";
import { Brand } from "../components/Brand";
import { useSession } from "../session";

/** Asks for name and password. The address stays, so that the page asked for follows. */
export function LoginPage({ notice }: { notice: string | null }) {
  const { login } = useSession();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setFailure(null);
    try {
      await login(String(form.get("username")), String(form.get("password")));
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <main className="alone">
      <form className="login card" onSubmit={(event) => void submit(event)} aria-labelledby="login-title">
        <Brand />
        <h1 id="login-title">Log in</h1>
        <label htmlFor="username">User name</label>
        <input
          id="username"
          name="username"
          data-testid="login-username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          // The only thing to do on this page is to type here.
          ref={focus}
        />
        <label htmlFor="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          data-testid="login-password"
          autoComplete="current-password"
          required
          aria-describedby="login-message"
        />
        <p id="login-message" className={failure === null ? "login-notice" : "login-failure"} role="alert">
          {failure ?? notice}
        </p>
        <button type="submit" className="button button-main" data-testid="login-submit" aria-disabled={busy}>
          {busy ? "Logging in…" : "Log in"}
        </button>
      </form>
    </main>
  );
}

function focus(input: HTMLInputElement | null): void {
  input?.focus();
}
