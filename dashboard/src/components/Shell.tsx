import { useState, type ReactNode } from "react";
import type { User } from "../api";
import { zone } from "../format";
import { Link } from "../router";
import { useSession } from "../session";
import { Brand } from "./Brand";
import { Notice } from "./Notice";

/** What surrounds every page of a logged-in user. */
export function Shell({ user, children }: { user: User; children: ReactNode }) {
  const { logout } = useSession();
  const [failure, setFailure] = useState<string | null>(null);
  const leave = () => {
    logout().catch((error: unknown) => {
      setFailure(`You are still logged in. ${error instanceof Error ? error.message : String(error)}`);
    });
  };
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="bar">
        <Link href="/" className="bar-home" aria-label="EMS, all devices">
          <Brand />
        </Link>
        <span className="bar-user">
          <span className="bar-username">{user.username}</span>
          <span className="bar-role">{user.role}</span>
        </span>
        <button type="button" className="button button-quiet" data-testid="logout" onClick={leave}>
          Log out
        </button>
      </header>
      <main id="content" className="page" tabIndex={-1}>
        {failure !== null && <Notice tone="bad" title={failure} />}
        {children}
      </main>
      <footer className="foot">All times are local: {zone()}</footer>
    </>
  );
}
