import type { Call } from "../../src/core/call.ts";
import type { Probe } from "../../src/core/checker.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import type { ReplicaFacts } from "./facts.ts";
import { parseIdentity } from "./identity.ts";
import { toVerdict } from "./judge.ts";
import type { ReadLogin } from "./login.ts";
import { verdictAboutUs } from "./server-error.ts";
import { createSession, type Session } from "./session.ts";
import { type StandingContext, standingOf } from "./standing.ts";
import { parseStatus } from "./status.ts";

/** What every probe of a tag is made with. */
export interface ProbeContext extends StandingContext {
  readonly login: ReadLogin;
  readonly requireReadOnly: boolean;
}

/** Asks a replica how its replication stands. */
export function openReplicaProbe(target: Target, context: ProbeContext): Probe {
  const name = targetName(target);
  const { board, known, requireReadOnly } = context;
  const wantsIdentity = requireReadOnly || context.recurse;

  async function ask(session: Session, { signal }: Call): Promise<ReplicaFacts> {
    const replications = parseStatus(await session.query((dialect) => dialect.showStatus, signal));
    if (!wantsIdentity) return { identity: undefined, replications };
    const identity = parseIdentity(await session.query((dialect) => dialect.selectIdentity, signal));
    return { identity, replications };
  }

  async function check(session: Session, call: Call): Promise<Verdict> {
    const facts = await board.expect(target, ask(session, call));
    const verdict = toVerdict(await standingOf(name, facts, context, call));
    if (verdict.state !== "up") return verdict;
    if (requireReadOnly && facts.identity?.isReadOnly !== true) return { state: "down", reason: "read_only is OFF" };
    known.healthy(name);
    return verdict;
  }

  return openProbe(target, context.login, { check, closed: () => board.drop(name) });
}

/** Asks the master whether it answers queries: it is published while no replica is healthy. */
export function openMasterProbe(target: Target, context: ProbeContext): Probe {
  async function check(session: Session, { signal }: Call): Promise<Verdict> {
    await session.query((dialect) => dialect.selectIdentity, signal);
    return { state: "up", reason: "the master answers" };
  }
  return openProbe(target, context.login, { check, closed: () => {} });
}

interface Conversation {
  check(session: Session, call: Call): Promise<Verdict>;
  closed(): void;
}

function openProbe(target: Target, login: ReadLogin, { check, closed }: Conversation): Probe {
  let lost: (reason: string) => void = () => {};
  const session = createSession({ target, login, onLost: (reason) => lost(reason) });
  return {
    async check(call) {
      try {
        return await check(session, call);
      } catch (error) {
        const verdict = verdictAboutUs(error);
        if (verdict === undefined) throw error;
        return verdict;
      }
    },
    ping: ({ signal }) => session.ping(signal),
    onLost(listener) {
      lost = listener;
    },
    async close() {
      session.close();
      closed();
    },
  };
}
