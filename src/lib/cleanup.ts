/** Things to let go of, in reverse order of acquiring them. */
export interface Cleanup {
  add(what: string, release: () => Promise<void> | void): void;
  /** Runs every releaser once, last added first; goes on after a failure and throws the first one at the end. */
  run(): Promise<void>;
}

/** Creates an empty list of releasers. */
export function createCleanup(): Cleanup {
  const releasers: { what: string; release: () => Promise<void> | void }[] = [];
  return {
    add(what, release) {
      releasers.push({ what, release });
    },
    async run() {
      let first: Error | undefined;
      for (let last = releasers.pop(); last !== undefined; last = releasers.pop()) {
        try {
          await last.release();
        } catch (error) {
          first ??= new Error(`while releasing ${last.what}`, { cause: error });
        }
      }
      if (first !== undefined) throw first;
    },
  };
}
