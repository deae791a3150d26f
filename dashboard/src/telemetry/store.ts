/** A value that components can follow with `useSyncExternalStore`; it works while somebody does. */
export abstract class Store<T> {
  private readonly listeners = new Set<() => void>();

  protected constructor(private value: T) {}

  /** Calls `listener` at each change. The first listener starts the store, the last one stops it. */
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.start();
    return () => {
      if (this.listeners.delete(listener) && this.listeners.size === 0) this.stop();
    };
  };

  getSnapshot = (): T => this.value;

  protected abstract start(): void;
  protected abstract stop(): void;

  protected set(value: T): void {
    this.value = value;
    for (const listener of this.listeners) listener();
  }
}
