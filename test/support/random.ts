/** A generator that gives the same numbers for the same seed (mulberry32), so that a failed run can be repeated. */
export interface Random {
  readonly seed: number;
  /** In [0, 1). */
  next(): number;
  /** A whole number from 0 to below `count`. */
  below(count: number): number;
  /** True in this share of the cases. */
  chance(share: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** Creates the generator of a seed, a whole number. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number) => Math.floor(next() * count);
  return {
    seed,
    next,
    below,
    chance: (share) => next() < share,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new Error("nothing to pick from");
      return list[below(list.length)] as T;
    },
  };
}

/** A seed for this run: $TEST_SEED, else another one each time. */
export function someSeed(): number {
  const chosen = process.env["TEST_SEED"];
  return chosen === undefined ? Date.now() % 1_000_000_000 : Number(chosen);
}

/** Runs `play` with a seed and names it when it fails: `TEST_SEED=… npx vitest run …` repeats it. */
export async function withSeed(seed: number, play: (random: Random) => Promise<void>): Promise<void> {
  try {
    await play(createRandom(seed));
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(`with the seed ${seed}: ${said}`, { cause: error });
  }
}
