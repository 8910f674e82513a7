import type { Probe } from "../../src/core/checker.ts";
import type { Target } from "../../src/core/targets.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import { createHttpGetter } from "../../src/lib/http-get.ts";
import type { ReadPassword } from "./password.ts";
import { judgeRest } from "./rest.ts";
import type { WantedRole } from "./roles.ts";
import { createPgSession, type PgSession } from "./session.ts";
import { askStartup } from "./startup.ts";
import { isBug, troubleVerdict } from "./trouble.ts";

/** How the servers of a tag are asked. */
export interface PatroniPlan {
  readonly scheme: "http" | "https";
  readonly restPort: number;
  readonly role: WantedRole;
  readonly ca: string | undefined;
  readonly verify: boolean;
  /** Undefined: nobody logs in. */
  readonly user: string | undefined;
  readonly password: ReadPassword;
  readonly database: string;
}

/** Patroni's document has some hundred bytes for each replica. */
const MAX_BYTES = 65_536;

/** Each question has to be over a little before the whole probe, so that it can be said which was not answered. */
const PART = 0.95;

/** Asked for where nobody logs in: of a role that does not exist PostgreSQL may log a FATAL line each time. */
const ANYBODY = "postgres";

/**
 * Asks Patroni for the role and the server whether it takes connections, and with a user what it answers to a query;
 * all at the same time.
 */
export function openProbe(target: Target, plan: PatroniPlan): Probe {
  const { role, user, password, database, ca, verify } = plan;
  let lost: (reason: string) => void = () => {};
  const onLost = (reason: string) => lost(reason);
  const getter = createHttpGetter({ maxBytes: MAX_BYTES, verify, onLost, ...(ca === undefined ? {} : { ca }) });
  const url = new URL(`${plan.scheme}://${urlHost(target.host)}:${plan.restPort}/${role.endpoint}`);
  const session = user === undefined ? undefined : createPgSession({ target, user, password, database, onLost });

  const askPatroni = async (signal: AbortSignal) => judgeRest(await getter.get(url, signal), role);

  async function askConnecting(signal: AbortSignal): Promise<Verdict> {
    await askStartup(target, { user: user ?? ANYBODY, database }, signal);
    return { state: "up", reason: "it accepts connections" };
  }

  return {
    async check({ signal, timeoutMs = 1_000 }) {
      const part = (who: string, question: (inner: AbortSignal) => Promise<Verdict>) =>
        judged(who, timeoutMs, signal, question);
      return weakest(
        await Promise.all([
          part("Patroni", askPatroni),
          part("the server", askConnecting),
          ...(session === undefined ? [] : [part("the server", askQuery(session, role))]),
        ]),
      );
    },
    onLost(listener) {
      lost = listener;
    },
    async close() {
      getter.close();
      session?.close();
    },
  };
}

function askQuery(session: PgSession, { inRecovery: wanted }: WantedRole) {
  return async (signal: AbortSignal): Promise<Verdict> => {
    const inRecovery = await session.inRecovery(signal);
    if (wanted === undefined || wanted === inRecovery) return { state: "up", reason: "it answers queries" };
    const is = inRecovery ? "a replica" : "a primary";
    return { state: "down", reason: `Patroni says otherwise, but the server that answers queries is ${is}` };
  };
}

/** One question within its part of the time. Whoever does not answer is named. */
async function judged(
  who: string,
  timeoutMs: number,
  signal: AbortSignal,
  question: (inner: AbortSignal) => Promise<Verdict>,
): Promise<Verdict> {
  try {
    // All deadlines begin before the first question does: connecting takes time of its own.
    return await withDeadline(who, timeoutMs * PART, signal, async (inner) => {
      await Promise.resolve();
      return question(inner);
    });
  } catch (error) {
    signal.throwIfAborted();
    if (isBug(error)) throw error;
    return troubleVerdict(who, error, timeoutMs);
  }
}

/** What any of them knows to be down is down, told by the first that does; what one cannot tell leaves it unknown. */
function weakest(verdicts: readonly Verdict[]): Verdict {
  const bad = verdicts.find(({ state }) => state === "down") ?? verdicts.find(({ state }) => state === "unknown");
  if (bad !== undefined) return bad;
  const [role, last] = [verdicts.at(0), verdicts.at(-1)];
  return { state: "up", reason: `${role?.reason}, and ${last?.reason}` };
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
