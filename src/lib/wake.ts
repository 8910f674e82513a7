/** A doorbell: one waiter, any number of rings; a ring with nobody waiting is kept until the next wait. */
export interface Wake {
  ring(): void;
  /**
   * Resolves on a ring, after `ms` (never by time when undefined), or on abort; the caller looks at the
   * world again after each of them, so it is not told which.
   */
  wait(ms: number | undefined, signal: AbortSignal): Promise<void>;
}

/** Longest delay a Node timer takes; longer ones fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** Creates a doorbell that has not rung. */
export function createWake(): Wake {
  let rung = false;
  let answer: (() => void) | undefined;
  return {
    ring() {
      if (answer === undefined) rung = true;
      else answer();
    },
    wait(ms, signal) {
      if (rung || signal.aborted || (ms !== undefined && ms <= 0)) {
        rung = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", finish);
          answer = undefined;
          resolve();
        };
        const timer = ms === undefined ? undefined : setTimeout(finish, Math.min(Math.ceil(ms), MAX_TIMER_MS));
        signal.addEventListener("abort", finish, { once: true });
        answer = finish;
      });
    },
  };
}
