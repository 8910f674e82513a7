/** The times of the file stores, all in ms. */
export interface FilesTiming {
  /** How often a watch looks at every file even if nothing was reported: network file systems report nothing. */
  readonly rescanMs: number;
  /** How long a file written in place must stand still before it is read. */
  readonly settleMs: number;
  /** How long a write waits for another process's write, where the caller does not say. */
  readonly lockMs: number;
}

/** A write of ours holds the lock for about a millisecond. */
export const FILES_TIMING: FilesTiming = { rescanMs: 10_000, settleMs: 15, lockMs: 10_000 };
