import type { AgentTraffic } from "../core/agent-line.ts";
import type { Clock } from "../core/clock.ts";

/** Who asked, and about whom. */
export interface Asker {
  /** `kind/tag`, or `kind/tag@host:port` */
  readonly who: string;
  /** An address, or `unix`; asked for only when it matters. */
  from(): string;
}

/** Who is owed a `ready`: everybody who was told `drain` or `maint` by us, since HAProxy goes by that until it hears it. */
export interface Debts {
  /** To be called for each answer with what it means; undefined pays nothing. True: it is to say `ready`. */
  settle(asker: Asker, traffic: AgentTraffic | undefined, readyForMs: number): boolean;
}

/** Where debts survive a restart. */
export interface DebtsDeps {
  readonly clock: Clock;
  /** What was written under this name; undefined for nothing, or where nothing can be kept. Never throws. */
  recall(name: string): unknown;
  /** Undefined forgets it. Never throws. */
  keep(name: string, value: unknown): void;
}

interface Debt {
  /** Who has been told, and has not heard `ready` since. */
  readonly owed: Set<string>;
  /** When it was first not said any more, monotonic ms; undefined while it is said. */
  endedMs: number | undefined;
}

/** As many balancers as one could have; beyond that the time alone counts. */
const MOST_OWED = 1_000;

/** As many names as one could have servers. Anybody may ask for names that nobody has; those are let go of first. */
const MOST_NAMES = 20_000;

/** Whoever has not asked for so long is gone. */
const FORGET_MS = 3_600_000;

/** Several HAProxies may share an address, so `ready` is said to everybody for a while, and to whom it is owed whenever he asks. */
export function createDebts({ clock, recall, keep }: DebtsDeps): Debts {
  const debts = new Map<string, Debt | "none">();

  function find(who: string): Debt | undefined {
    const known = debts.get(who) ?? remember(who);
    return known === "none" ? undefined : known;
  }

  function remember(who: string): Debt | "none" {
    const owed = readOwed(recall(who));
    const debt = owed === undefined ? "none" : { owed: new Set(owed), endedMs: undefined };
    makeRoom();
    debts.set(who, debt);
    return debt;
  }

  /** What is owed is on disk too, and found there again. */
  function makeRoom(): void {
    if (debts.size < MOST_NAMES) return;
    for (const [who, debt] of debts) {
      if (debt !== "none") continue;
      debts.delete(who);
      return;
    }
    debts.clear();
  }

  function withhold({ who, from }: Asker, debt: Debt = { owed: new Set(), endedMs: undefined }): void {
    debts.set(who, debt);
    debt.endedMs = undefined;
    const address = from();
    if (debt.owed.has(address) || debt.owed.size >= MOST_OWED) return;
    debt.owed.add(address);
    keep(who, { owed: [...debt.owed] });
  }

  function forget(who: string): void {
    debts.set(who, "none");
    keep(who, undefined);
  }

  return {
    settle(asker, traffic, readyForMs) {
      const { who, from } = asker;
      const debt = find(who);
      if (traffic === "withheld") withhold(asker, debt);
      if (traffic !== "admitted" || debt === undefined) return false;
      const nowMs = clock.monotonicMs();
      debt.endedMs ??= nowMs;
      const agoMs = nowMs - debt.endedMs;
      const isOwed = debt.owed.delete(from());
      if (agoMs > FORGET_MS || (agoMs >= readyForMs && debt.owed.size === 0)) forget(who);
      return isOwed || agoMs < readyForMs;
    },
  };
}

function readOwed(value: unknown): readonly string[] | undefined {
  if (typeof value !== "object" || value === null || !("owed" in value) || !Array.isArray(value.owed)) return undefined;
  return value.owed.filter((from) => typeof from === "string");
}
