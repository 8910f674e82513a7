/** This process does nothing at all for so long: what comes meanwhile stays with the system. */
export function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
