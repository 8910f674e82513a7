/**
 * Keeps servers down that were down, until a person says otherwise (`--manual-recovery`). It is remembered across
 * restarts: what holds a server is on disk before anybody is told.
 */
export interface Latch {
  /** What was wrong with a server that is held down; undefined when it is not held. */
  held(server: string): string | undefined;
  /** Called at each moment in which a server goes down; holds it from now on. Throws E_FILE when it cannot be kept. */
  hold(server: string, reason: string): void;
}
