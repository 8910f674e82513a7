import type { Call } from "../../src/core/call.ts";
import type { Clock } from "../../src/core/clock.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import { type Identity, parseIdentity } from "./identity.ts";
import type { ReadLogin } from "./login.ts";
import type { Names } from "./names.ts";
import { createSession } from "./session.ts";
import { isSource } from "./source.ts";
import { parseStatus } from "./status.ts";

/** A server that was asked who it is, because something at its address reads a binary log. */
export interface Examined {
  readonly identity: Identity;
  /** It replicates from the server whose binary log is read. */
  readonly isReplica: boolean;
}

/** Tells replicas from other readers of a binary log (Maxwell, Debezium, mysqlbinlog), by connecting to them. */
export interface Candidates {
  /**
   * What is at the address; undefined: no MySQL that lets us in. Asked again every ten seconds as long as it is no
   * replica. Rejects only when the signal aborts.
   */
  examine(target: Target, source: ExaminedSource, call: Call): Promise<Examined | undefined>;
}

/** The server whose binary log is read. */
export interface ExaminedSource {
  readonly target: Target;
  readonly identity: Identity | undefined;
}

const ASK_AGAIN_MS = 10_000;

/** One that hangs must not use up the time in which the master is asked. */
const SHARE_OF_TIMEOUT = 2;
const DEFAULT_TIMEOUT_MS = 500;

interface Answer {
  readonly examined: Examined | undefined;
  readonly untilMs: number;
}

/** Remembers nobody at first. `denied` is told, with its words, of an address that refuses to log us in. */
export function createCandidates(
  login: ReadLogin,
  { clock, names }: { readonly clock: Clock; readonly names: Names },
  failed: (target: Target, error: unknown) => void,
): Candidates {
  const answers = new Map<string, Answer>();

  async function ask(target: Target, source: ExaminedSource, call: Call): Promise<Examined> {
    const session = createSession({ target, login });
    try {
      const identity = parseIdentity(await session.query((dialect) => dialect.selectIdentity, call.signal));
      const replications = parseStatus(await session.query((dialect) => dialect.showStatus, call.signal));
      // It reads this server's binary log: that is what vouches for it when the server ids are everybody's.
      const server = { ...source, isVouchedFor: true };
      const matches = await Promise.all(replications.map((one) => isSource(one.source, server, names, call)));
      return { identity, isReplica: matches.some((is) => is !== false) };
    } finally {
      session.close();
    }
  }

  async function askInTime(target: Target, source: ExaminedSource, call: Call): Promise<Examined | undefined> {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = call;
    try {
      const limitMs = timeoutMs / SHARE_OF_TIMEOUT;
      return await withDeadline("a look at a reader", limitMs, signal, (inner) =>
        ask(target, source, { signal: inner, timeoutMs: limitMs }),
      );
    } catch (error) {
      if (signal.aborted) throw error;
      failed(target, error);
      return undefined;
    }
  }

  return {
    async examine(target, source, call) {
      const key = `${targetName(source.target)} ${targetName(target)}`;
      const known = answers.get(key);
      if (known !== undefined && (known.examined?.isReplica === true || clock.monotonicMs() < known.untilMs)) {
        return known.examined;
      }
      const examined = await askInTime(target, source, call);
      answers.set(key, { examined, untilMs: clock.monotonicMs() + ASK_AGAIN_MS });
      return examined;
    },
  };
}
