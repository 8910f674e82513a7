import { setTimeout as sleep } from "node:timers/promises";
import type { Call } from "../../src/core/call.ts";
import type { Lock, Store, WriteCall } from "../../src/core/store.ts";
import type { Random } from "./random.ts";

/** A store at the end of a line that holds up calls and answers at random, as a paused or busy process does. */
export interface MoodyStore extends Store {
  /** Writes that were asked for and are not answered yet. */
  readonly writing: number;
  /** From now on nothing goes through until as many ms are over. */
  pause(ms: number): void;
}

/** Who is told. */
export interface MoodyListener {
  /** A write went through, this moment. */
  written(value: string): void;
  /** A lock was got, and its owner does not know yet. */
  locked(): Promise<void>;
}

/** How long a call or an answer is held up at the most, ms. */
const LONGEST_MS = 250;

export function createMoodyStore(store: Store, random: Random, listener: MoodyListener): MoodyStore {
  let writing = 0;
  let pausedUntil = 0;

  async function mood({ signal }: Call): Promise<void> {
    const pausedMs = pausedUntil - performance.now();
    const moodMs = random.chance(0.7) ? 0 : random.chance(0.7) ? random.below(20) : random.below(LONGEST_MS);
    const ms = Math.max(pausedMs, moodMs);
    // Its signal may end the call meanwhile, and then it is the store that says so.
    if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => {});
  }

  const heldUp = async <T>(call: Call, work: () => Promise<T>): Promise<T> => {
    await mood(call);
    const answer = await work();
    await mood(call);
    return answer;
  };

  const write = async (value: string, call: WriteCall, put: () => Promise<boolean>): Promise<boolean> => {
    writing += 1;
    try {
      return await heldUp(call, async () => {
        const won = await put();
        if (won) listener.written(value);
        return won;
      });
    } finally {
      writing -= 1;
    }
  };

  const withMoods = (lock: Lock): Lock => ({
    lost: lock.lost,
    put: (key, value, call) => write(value, call, () => lock.put(key, value, call)),
    delete: (key, call) => write("", call, () => lock.delete(key, call)),
    release: (call) => lock.release(call),
  });

  const { lock } = store;
  return {
    name: store.name,
    get writing() {
      return writing;
    },
    pause(ms) {
      pausedUntil = performance.now() + ms;
    },
    get: (key, call) => heldUp(call, () => store.get(key, call)),
    list: (prefix, call) => heldUp(call, () => store.list(prefix, call)),
    async *watch(prefix, call) {
      for await (const snapshot of store.watch(prefix, call)) {
        await mood(call);
        yield snapshot;
      }
    },
    put: (key, value, call) => write(value, call, () => store.put(key, value, call)),
    delete: (key, call) => write("", call, () => store.delete(key, call)),
    ...(lock === undefined
      ? {}
      : {
          lock: (key, call) =>
            heldUp(call, async () => {
              const got = await lock.call(store, key, call);
              await listener.locked();
              return withMoods(got);
            }),
        }),
    close: () => store.close(),
  };
}
