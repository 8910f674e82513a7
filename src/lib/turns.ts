/** Lets only so many do something at a time; the others wait in line. */
export interface Turns {
  /** Runs `work` when it is its turn. */
  take<T>(work: () => Promise<T>): Promise<T>;
}

/** `most` is the number of turns that may run at once. `work` itself must heed its signal before it begins. */
export function createTurns(most: number): Turns {
  const line: (() => void)[] = [];
  let running = 0;
  return {
    async take(work) {
      if (running < most) running += 1;
      // Whoever is done hands its place on, so nobody who comes just then can slip in between.
      else await new Promise<void>((resolve) => line.push(resolve));
      try {
        return await work();
      } finally {
        const next = line.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
