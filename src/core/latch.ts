/**
 * Keeps servers down that were down, until a person says otherwise (`--manual-recovery`). It is remembered across
 * restarts: what holds a server is on disk before anybody is told.
 */
export interface Latch {
  /** What was wrong with a server that is held down; undefined when it is not held. */
  held(server: string): string | undefined;
  /**
   * Called at each moment in which a server goes down; holds it from now on. On disk when it returns; where that cannot
   * be, it is held as long as this process lives, which is told. Never throws.
   */
  hold(server: string, reason: string): void;
}
