import type { Call } from "../core/call.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Lock } from "../core/store.ts";
import type { BoundedCall } from "./consul-client.ts";
import { createGrip } from "./consul-lock-grip.ts";
import type { KeyAndSession } from "./consul-lock-key.ts";
import type { LockRequests, RawPair } from "./consul-lock-request.ts";

/** A lock that was got, as its maker sees it. */
export interface HeldLock extends Lock {
  /** It is gone for this reason. */
  lose(reason: string): void;
  /** Somebody saw who holds the key, perhaps a while ago: as in `Decoded.holderOf`. */
  observed(holder: string | undefined): void;
  /** Makes up for a look at the key that was due and failed. */
  recheck(): void;
}

/** What a lock needs of its maker. */
export interface HeldLockParts extends KeyAndSession {
  readonly requests: LockRequests;
  /** For what nobody called for; aborts when the store is closed. */
  readonly signal: AbortSignal;
  readonly requestMs: number;
  /** Consul does not know the session any more. */
  sessionGone(): void;
  /** Takes the session off the key and leaves its value; nothing to do where it is not on it. */
  unlock(call: BoundedCall): Promise<void>;
  /** Called once, when the lock is of no more use. */
  left(): void;
}

/** A lock on `key`: "held", or "nothing" while the key does not exist. */
export function createHeldLock(parts: HeldLockParts, first: "held" | "nothing"): HeldLock {
  const { key, id, requests, requestMs } = parts;
  let over = false;
  let tellLost: (reason: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    tellLost = resolve;
  });
  const grip = createGrip({ ...parts, isOver: () => over, lose }, first);
  const bounded = ({ signal, timeoutMs = requestMs }: Call): BoundedCall => ({ signal, timeoutMs });

  function lose(reason: string): void {
    if (over) return;
    over = true;
    tellLost(reason);
    parts.left();
  }

  /** Writes under way, and all that ever began: what is seen meanwhile may be from before or behind them. */
  let working = 0;
  let begun = 0;
  let sight: { readonly holder: string | undefined } | undefined;
  let checking = false;

  async function inWork(of: string, work: () => Promise<boolean>): Promise<boolean> {
    if (of !== key) throw new AppError("E_INTERNAL", `this is the lock on ${key}, not on ${of}`);
    working += 1;
    begun += 1;
    try {
      return await work();
    } finally {
      working -= 1;
      check();
    }
  }

  function isAsExpected(holder: string | undefined): boolean {
    return grip.state === "held" ? holder === id : grip.state === "nothing" && holder === undefined;
  }

  /** What was seen is only the occasion: a look at the key decides. */
  function check(): void {
    if (sight === undefined || over || working > 0 || checking || isAsExpected(sight.holder)) return;
    checking = true;
    const before = begun;
    const settle = (raw: RawPair | undefined) => {
      checking = false;
      if (begun !== before) return check();
      sight = undefined;
      grip.judge(raw);
    };
    requests.read(key, { signal: parts.signal, timeoutMs: requestMs }).then(settle, (error: unknown) => {
      checking = false;
      // Tried again with the next renewal of the session.
      if (!(error instanceof AppError)) lose(errorText(error));
    });
  }

  return {
    lost,
    lose,
    put: (of, value, call) => inWork(of, () => grip.put(value, call.ifIndex, bounded(call))),
    delete: (of, call) => inWork(of, () => grip.remove(call.ifIndex, bounded(call))),
    async release(call) {
      if (over) return;
      over = true;
      try {
        if (grip.state !== "nothing") await parts.unlock(bounded(call));
      } finally {
        parts.left();
      }
    },
    observed(holder) {
      sight = { holder };
      check();
    },
    recheck: check,
  };
}
