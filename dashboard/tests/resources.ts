import { act } from "@testing-library/react";

// What a component that was unmounted leaves behind, seen from outside: the timers and TCP sockets of the process.

/** The timers and sockets that there are. */
export function resources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout" || name.startsWith("TCPSocket"));
}

/** The fewest of them seen within 300 ms: the test runner's own timers come and go. */
export async function baseline(): Promise<number> {
  const deadline = Date.now() + 300;
  let count = Infinity;
  while (Date.now() < deadline) {
    await act(turn);
    count = Math.min(count, resources().length);
  }
  return count;
}

/** Waits until `condition` holds and there are no more of them than `limit`. */
export async function until(limit: number, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition() || resources().length > limit) {
    if (Date.now() > deadline) throw new Error(`after 10 s there are ${resources().join(", ")}; at first: ${limit}`);
    await act(turn);
  }
}

/** One turn of the event loop: a wait without a timer of its own, which would be counted. */
function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
