import { useId, type ReactNode } from "react";
import type { User } from "../api";
import { Link } from "../router";
import { useSession } from "../session";
import { chooseTheme, useThemeChoice, type ThemeChoice } from "../theme";
import { Icon } from "./Icon";
import { Notice } from "./Notice";

const CHOICES: readonly [ThemeChoice, string][] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** Who is logged in, the colour scheme, and the way out. */
export function UserMenu({ user, onFailure }: { user: User; onFailure: (notice: ReactNode) => void }) {
  const { logout } = useSession();
  const choice = useThemeChoice();
  const id = useId();
  const leave = () => {
    logout().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      onFailure(<Notice tone="bad" title={`You are still logged in. ${why}`} />);
    });
  };
  return (
    <>
      <button type="button" className="button button-quiet user-button" popoverTarget={id} aria-label={`Menu of ${user.username}`}>
        <Icon name="user" />
        <span className="user-name">{user.username}</span>
      </button>
      <div id={id} popover="auto" className="menu">
        <p className="menu-user">
          <strong>{user.username}</strong>
          <span className="tag">{user.role}</span>
        </p>
        <fieldset className="menu-theme">
          <legend>Colours</legend>
          {CHOICES.map(([value, label]) => (
            <label key={value}>
              <input
                type="radio"
                name="theme"
                value={value}
                checked={choice === value}
                onChange={() => chooseTheme(value)}
              />
              {label}
            </label>
          ))}
        </fieldset>
        <Link className="menu-link" href="/account" onClick={() => document.getElementById(id)?.hidePopover()}>
          Change the password
        </Link>
        <a className="menu-link" href="/api/docs" target="_blank" rel="noreferrer">
          Interfaces for programs
        </a>
        <button type="button" className="button" data-testid="logout" onClick={leave}>
          Log out
        </button>
      </div>
    </>
  );
}
