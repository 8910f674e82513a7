import type { Call } from "../../src/core/call.ts";
import type { Probe } from "../../src/core/checker.ts";
import type { Clock } from "../../src/core/clock.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import type { Access } from "./access.ts";
import { isSameServer } from "./address.ts";
import { createConversation } from "./conversation.ts";
import type { Council } from "./council.ts";
import { findRole, type Master, PING_AND_ROLE } from "./role.ts";
import type { Ruling } from "./ruling.ts";

/** What the probes of a tag share. */
export interface ProbeContext {
  readonly access: Access;
  readonly clock: Clock;
  /** Without Sentinels a server's own word counts. */
  readonly council?: Council;
}

const DEFAULT_TIMEOUT_MS = 500;

/** Of the time for a check: after it there is not enough left to ask the Sentinels once more. */
const TOO_LATE_SHARE = 0.3;

/** A kept connection to one server. Connects with the first question. */
export function createProbe(target: Target, context: ProbeContext): Probe {
  const { access, clock, council } = context;
  let lost: (reason: string) => void = () => {};
  const conversation = createConversation(target, access, (reason) => lost(reason));

  async function judge(call: Call): Promise<Verdict> {
    const ruling = council?.ask(call);
    // A replica is a replica whatever the Sentinels say, so nobody may be waiting for them.
    ruling?.catch(() => {});
    const finding = findRole(await conversation.ask(PING_AND_ROLE, call.signal));
    if (!("role" in finding)) return finding;
    if (ruling === undefined) return { ...up(finding), reason: `is the master${withReplicas(finding)}` };
    return judgeMaster(finding, await ruling, target, conversation.remoteAddress);
  }

  return {
    async check(call) {
      const begunMs = clock.monotonicMs();
      const spareMs = (call.timeoutMs ?? DEFAULT_TIMEOUT_MS) * TOO_LATE_SHARE;
      for (;;) {
        const news = council?.news;
        const verdict = await judge(call);
        if (news === council?.news) return verdict;
        if (clock.monotonicMs() - begunMs > spareMs) return { state: "unknown", reason: "a failover is under way" };
      }
    },
    async ping({ signal }) {
      // The role costs next to nothing more, and a master that was made a replica by hand keeps its connections.
      const finding = findRole(await conversation.ask(PING_AND_ROLE, signal));
      // Any answer shows that it does not hang. One of which nothing follows must not count as a failure.
      if (!("role" in finding) && finding.state === "down") throw new Error(finding.reason);
    },
    onLost(listener) {
      lost = listener;
    },
    async close() {
      conversation.close();
    },
  };
}

/** Two masters by their own word: the one with more replicas is the one that others believe. */
function up({ replicas, offset }: Master): { readonly state: "up"; readonly rank: readonly number[] } {
  return { state: "up", rank: [-replicas, -offset] };
}

function withReplicas({ replicas }: Master): string {
  if (replicas === 0) return ", without replicas";
  return replicas === 1 ? " of 1 replica" : ` of ${replicas} replicas`;
}

function judgeMaster(found: Master, ruling: Ruling, target: Target, remoteAddress: string | undefined): Verdict {
  if (!ruling.agreed) return { state: "unknown", reason: `says that it is the master, but ${ruling.reason}` };
  const master = targetName(ruling.master);
  switch (isSameServer(ruling.master, target, remoteAddress)) {
    case "same":
      return {
        ...up(found),
        reason: `is the master${withReplicas(found)}, as ${ruling.votes} of ${ruling.of} Sentinels say`,
      };
    case "other":
      return {
        state: "down",
        reason: `says that it is the master, but Sentinel has deposed it: the master is ${master}`,
      };
    case "perhaps":
      return { state: "unknown", reason: `cannot be told from ${master}: name it as Sentinel does` };
  }
}
