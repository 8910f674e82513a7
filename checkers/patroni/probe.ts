import type { Probe } from "../../src/core/checker.ts";
import { AppError, errorText } from "../../src/core/errors.ts";
import type { Target } from "../../src/core/targets.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import { createHttpGetter } from "../../src/lib/http-get.ts";
import { judgeRest } from "./rest.ts";
import type { WantedRole } from "./roles.ts";
import { createPgSession, verdictAboutUs } from "./session.ts";
import { askStartup } from "./startup.ts";

/** How the servers of a tag are asked. */
export interface PatroniPlan {
  readonly scheme: "http" | "https";
  readonly restPort: number;
  readonly role: WantedRole;
  readonly ca: string | undefined;
  readonly verify: boolean;
  /** Undefined: nobody logs in. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string;
}

/** Patroni's answer is a line of JSON. */
const MAX_BYTES = 65_536;

/** Each of the two questions has to be over a little before the whole probe, so that it can be said which was not answered. */
const PART = 0.9;

/** Asks Patroni for the role, and at the same time whether the server takes connections, or queries. */
export function openProbe(target: Target, plan: PatroniPlan): Probe {
  const { role, user, password, database, ca, verify } = plan;
  let lost: (reason: string) => void = () => {};
  const onLost = (reason: string) => lost(reason);
  const getter = createHttpGetter({ maxBytes: MAX_BYTES, verify, onLost, ...(ca === undefined ? {} : { ca }) });
  const url = new URL(`${plan.scheme}://${urlHost(target.host)}:${plan.restPort}/${role.endpoint}`);
  const session = user === undefined ? undefined : createPgSession({ target, user, password, database, onLost });

  const askPatroni = async (signal: AbortSignal) => judgeRest(await getter.get(url, signal), role.endpoint);

  async function askServer(signal: AbortSignal): Promise<Verdict> {
    if (session === undefined) {
      await askStartup(target, { user: "confd-haproxy", database }, signal);
      return { state: "up", reason: "it accepts connections" };
    }
    try {
      return judgeRecovery(await session.inRecovery(signal), role);
    } catch (error) {
      const verdict = verdictAboutUs(error);
      if (verdict === undefined) throw error;
      return verdict;
    }
  }

  return {
    async check({ signal, timeoutMs = 1_000 }) {
      const part = (what: string, ask: (inner: AbortSignal) => Promise<Verdict>) =>
        judged(what, () => withDeadline(what, timeoutMs * PART, signal, ask), signal);
      const [patroni, server] = await Promise.all([part("Patroni", askPatroni), part("the server", askServer)]);
      if (patroni.state !== "up") return patroni;
      return server.state === "up" ? { ...patroni, reason: `${patroni.reason}, and ${server.reason}` } : server;
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

function judgeRecovery(inRecovery: boolean, { inRecovery: wanted }: WantedRole): Verdict {
  if (wanted === undefined || wanted === inRecovery) return { state: "up", reason: "it answers queries" };
  const is = inRecovery ? "a replica" : "a primary";
  return { state: "down", reason: `Patroni says otherwise, but the server that answers queries is ${is}` };
}

/** Whichever of the two is not answered, it is told which one; a fault of ours is left to the caller. */
async function judged(what: string, work: () => Promise<Verdict>, signal: AbortSignal): Promise<Verdict> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TypeError) throw error;
    const isLate = error instanceof AppError && error.code === "E_TIMEOUT";
    return { state: "down", reason: isLate ? `${what} gives no answer` : `${what}: ${words(error)}` };
  }
}

function words(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ECONNREFUSED" ? "connection refused" : errorText(error);
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
