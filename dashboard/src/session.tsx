import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import * as api from "./api";

/** `checking` until the server has answered once; `unreachable` if it did not. */
export type SessionState =
  | { phase: "checking" }
  | { phase: "unreachable"; message: string }
  | { phase: "out"; notice: string | null }
  | { phase: "in"; user: api.User };

export interface Session {
  state: SessionState;
  /** Throws `ApiError` with a sentence for the user. */
  login: (username: string, password: string) => Promise<void>;
  logout: () => Promise<void>;
  /** The server said that the session is over. */
  ended: () => void;
  /** Asks again after `unreachable`. */
  retry: () => void;
}

const SessionContext = createContext<Session | null>(null);

const REFRESH_INTERVAL_MS = 5 * 60_000;

export function useSession(): Session {
  const session = use(SessionContext);
  if (session === null) throw new Error("useSession needs a SessionProvider above it");
  return session;
}

/** Who is logged in, for what is only shown to a logged-in user. */
export function useUser(): api.User {
  const { state } = useSession();
  if (state.phase !== "in") throw new Error("useUser needs a logged-in user");
  return state.user;
}

/** Knows who is logged in, and keeps the session alive while the page is open. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<SessionState>({ phase: "checking" });

  const ended = useCallback(() => {
    setState({ phase: "out", notice: "Your session has ended. Please log in again." });
  }, []);

  const check = useCallback(() => {
    api.me().then(
      (user) => setState({ phase: "in", user }),
      (error: unknown) => setState(api.isLoggedOut(error) ? { phase: "out", notice: null } : unreachable(error)),
    );
  }, []);

  const retry = useCallback(() => {
    setState({ phase: "checking" });
    check();
  }, [check]);

  const login = useCallback(async (username: string, password: string) => {
    const user = await api.login(username, password);
    setState({ phase: "in", user });
  }, []);

  const logout = useCallback(async () => {
    await api.logout();
    setState({ phase: "out", notice: null });
  }, []);

  useEffect(check, [check]);
  useKeptAlive(state.phase === "in", ended);

  const session = useMemo(() => ({ state, login, logout, ended, retry }), [state, login, logout, ended, retry]);
  return <SessionContext value={session}>{children}</SessionContext>;
}

/** Refreshes the session every few minutes, and at once when a tab that missed its turn is shown again. */
function useKeptAlive(active: boolean, ended: () => void): void {
  useEffect(() => {
    if (!active) return;
    let dueAt = Date.now() + REFRESH_INTERVAL_MS;
    const refreshIfDue = () => {
      if (Date.now() < dueAt) return;
      dueAt = Date.now() + REFRESH_INTERVAL_MS;
      // Out of reach is not over: the next turn asks again.
      api.renew().then(
        (goesOn) => {
          if (!goesOn) ended();
        },
        () => undefined,
      );
    };
    const timer = setInterval(refreshIfDue, 15_000);
    document.addEventListener("visibilitychange", refreshIfDue);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", refreshIfDue);
    };
  }, [active, ended]);
}

function unreachable(error: unknown): SessionState {
  return { phase: "unreachable", message: error instanceof Error ? error.message : String(error) };
}
