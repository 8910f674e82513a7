/** Resolves when the event loop has gone all the way round: what the system had ready until now was taken in. */
export function loopTurn(): Promise<void> {
  // the first one comes behind a look at the system that may have begun before now
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
