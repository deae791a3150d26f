import { useCallback, useEffect, useRef, useState } from "react";
import { isLoggedOut } from "../../api";
import { useSession } from "../../session";

/** Something that is fetched, and fetched again when asked. */
export interface Remote<T> {
  /** The last answer; `null` before the first one. */
  data: T | null;
  /** Why the last attempt brought nothing, in a sentence; `null` if it did. */
  failure: string | null;
  /** What `load` brings at present is not there yet. */
  loading: boolean;
  reload: () => void;
  /**
   * Changes what is shown, for what the page knows before it asks again; also the answer that is under way, which may
   * be of a time before, or know of it already.
   */
  update: (change: (data: T) => T) => void;
}

/**
 * Fetches with `load`, again whenever it changes (keep it stable with `useCallback`) or `reload` is called. What came
 * before stays until the new answer is there; a request that nobody waits for any more is ended.
 */
export function useRemote<T>(load: (signal: AbortSignal) => Promise<T>): Remote<T> {
  const { ended } = useSession();
  const running = useRef<AbortController | null>(null);
  /** What has changed since the running request began; `null` while none runs. */
  const changes = useRef<((data: T) => T)[] | null>(null);
  const [state, setState] = useState<State<T>>({ data: null, failure: null, answered: null });

  const reload = useCallback(() => {
    running.current?.abort();
    const { signal } = (running.current = new AbortController());
    changes.current = [];
    load(signal).then(
      (data) => {
        if (signal.aborted) return;
        const since = changes.current ?? [];
        changes.current = null;
        setState({ data: since.reduce((before, change) => change(before), data), failure: null, answered: load });
      },
      (error: unknown) => {
        if (signal.aborted) return;
        changes.current = null;
        if (isLoggedOut(error)) ended();
        else setState(({ data }) => ({ data, failure: sentence(error), answered: load }));
      },
    );
  }, [load, ended]);

  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);

  const update = useCallback((change: (data: T) => T) => {
    changes.current?.push(change);
    setState((before) => (before.data === null ? before : { ...before, data: change(before.data) }));
  }, []);
  return { data: state.data, failure: state.failure, loading: state.answered !== load, reload, update };
}

interface State<T> extends Pick<Remote<T>, "data" | "failure"> {
  /** What brought it. */
  answered: ((signal: AbortSignal) => Promise<T>) | null;
}

/**
 * Something the user does at the server: one at a time, with its failure in a sentence. Its button takes `busy` as
 * `aria-disabled`: one that is disabled would lose the focus of who pressed it.
 */
export interface Action<A extends unknown[]> {
  /** Whether it succeeded; does nothing while it is busy. */
  run: (...args: A) => Promise<boolean>;
  busy: boolean;
  failure: string | null;
  clear: () => void;
}

export function useAction<A extends unknown[]>(act: (...args: A) => Promise<unknown>): Action<A> {
  const { ended } = useSession();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const running = useRef(false);
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  const run = useCallback(
    async (...args: A) => {
      if (running.current) return false;
      running.current = true;
      setBusy(true);
      setFailure(null);
      try {
        await latest.current(...args);
        return true;
      } catch (error) {
        if (isLoggedOut(error)) ended();
        else setFailure(sentence(error));
        return false;
      } finally {
        running.current = false;
        setBusy(false);
      }
    },
    [ended],
  );
  const clear = useCallback(() => setFailure(null), []);
  return { run, busy, failure, clear };
}

export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
