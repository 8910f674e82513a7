import type { Checker, Probe, ServiceContext } from "../src/core/checker.ts";
import type { Clock } from "../src/core/clock.ts";
import { AppError } from "../src/core/errors.ts";
import type { OptionSpec, OptionValues } from "../src/core/option.ts";
import { type Target, targetName } from "../src/core/targets.ts";
import type { Verdict } from "../src/core/verdict.ts";
import { type DonorRule, judgeNode, type NodeRules, roleOf, withPast } from "./galera/judge.ts";
import { type NodeFacts, parseNode, QUESTIONS } from "./galera/node.ts";
import { createRoles, type Roles } from "./galera/roles.ts";
import { createWeigh, type WeightRule } from "./galera/weight.ts";
import { createLogin, type ReadLogin } from "./mysql/login.ts";
import { LOGIN_OPTIONS } from "./mysql/login-options.ts";
import { verdictAboutUs } from "./mysql/server-error.ts";
import { createSession } from "./mysql/session.ts";

const OPTIONS: readonly OptionSpec[] = [
  {
    name: "server",
    type: "targets",
    required: true,
    argument: "h:p,h:p",
    description: "the nodes in order of preference",
  },
  ...LOGIN_OPTIONS,
  {
    name: "donor",
    type: "enum",
    values: ["never", "last", "always"],
    default: "last",
    description: "whether a donor/desynced node may be used; last: while no other node is synced",
  },
  {
    name: "require-writable",
    type: "boolean",
    description: "a node that takes no writes (read_only) is not healthy; always so with --publish writer",
  },
  {
    name: "weight-by",
    type: "enum",
    values: ["none", "flow-control", "queue"],
    default: "none",
    description: "what the agent's weight follows: time held up by its flow control, or write-sets that wait",
  },
];

/** Nodes of a Galera cluster: MariaDB, MySQL with wsrep, Percona XtraDB Cluster. */
export const galera: Checker = {
  kind: "galera",
  summary: "the first Galera node in the list that is synced with a primary component",
  proxyportOffset: 10_000,
  hasWriter: true,
  options: OPTIONS,
  create(options, { clock }: ServiceContext) {
    const targets = serversOf(options);
    const context: NodeContext = {
      clock,
      login: createLogin(options),
      roles: createRoles(targets.map(targetName)),
      rules: {
        donor: (options["donor"] ?? "last") as DonorRule,
        requireWritable: options["require-writable"] === true || options["publish"] === "writer",
      },
      weightBy: (options["weight-by"] ?? "none") as WeightRule,
    };
    return { discover: async () => targets, open: (target) => openProbe(target, context), close: async () => {} };
  },
};

interface NodeContext {
  readonly clock: Clock;
  readonly login: ReadLogin;
  readonly roles: Roles;
  readonly rules: NodeRules;
  readonly weightBy: WeightRule;
}

function serversOf({ server }: OptionValues): readonly Target[] {
  if (!Array.isArray(server) || server.length === 0) throw new AppError("E_USAGE", "--server must name a node");
  return server;
}

function openProbe(target: Target, { clock, login, roles, rules, weightBy }: NodeContext): Probe {
  const name = targetName(target);
  let lost: (reason: string) => void = () => {};
  const session = createSession({ target, login, onLost: (reason) => lost(reason) });
  const weigh = createWeigh(weightBy);
  let before: NodeFacts | undefined;

  async function judge(signal: AbortSignal): Promise<Verdict> {
    const status = await session.query(QUESTIONS.status, signal);
    const facts = withPast(parseNode(status, await session.query(QUESTIONS.variables, signal)), before);
    before = facts;
    roles.set(name, roleOf(facts, rules));
    const verdict = judgeNode(facts, rules, () => roles.othersSynced(name, facts.clusterSize));
    const weightPercent = weigh(facts, clock.monotonicMs());
    return verdict.state === "up" && weightPercent !== undefined ? { ...verdict, weightPercent } : verdict;
  }

  return {
    async check({ signal }) {
      try {
        return await judge(signal);
      } catch (error) {
        const verdict = verdictAboutUs(error);
        if (verdict === undefined) {
          // Who cannot be asked is of no use to clients either.
          roles.set(name, "unfit");
          before = undefined;
          throw error;
        }
        roles.doubt(name);
        return verdict;
      }
    },
    ping: ({ signal }) => session.ping(signal),
    onLost(listener) {
      lost = listener;
    },
    async close() {
      session.close();
      roles.forget(name);
    },
  };
}
