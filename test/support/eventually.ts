import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

const POLL_MS = 10;

/** Generous: it only ever passes when something is broken, also on a loaded machine. */
const DEADLINE_MS = 15_000;

type Truthy<T> = Exclude<T, false | 0 | "" | null | undefined>;

/**
 * Asks `predicate` every 10 ms until it answers with something truthy, and returns that. A throw counts as
 * "not yet". When the deadline passes it throws an error that names `what` and shows the last answer.
 */
export async function eventually<T>(
  what: string,
  predicate: () => Promise<T> | T,
  deadlineMs: number = DEADLINE_MS,
): Promise<Truthy<T>> {
  const end = performance.now() + deadlineMs;
  let last: () => string = () => "nothing";
  for (;;) {
    try {
      const answer = await predicate();
      if (answer) return answer as Truthy<T>;
      last = () => inspect(answer, { depth: 4 });
    } catch (error) {
      last = () => String(error);
    }
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}; last seen: ${last()}`);
    await sleep(POLL_MS);
  }
}
