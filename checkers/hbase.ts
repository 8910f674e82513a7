import type { Checker, Probe, Service, ServiceContext } from "../src/core/checker.ts";
import { AppError, errorText } from "../src/core/errors.ts";
import type { OptionSpec, OptionValues } from "../src/core/option.ts";
import type { Target } from "../src/core/targets.ts";
import type { Verdict } from "../src/core/verdict.ts";
import { createGroupReader } from "./hbase/groups.ts";
import { judgeServers } from "./hbase/judge.ts";
import { createQuorum, parseQuorum, type QuorumAddress } from "./hbase/quorum.ts";
import type { ZkQuestion } from "./hbase/zk-frames.ts";

const OPTIONS: readonly OptionSpec[] = [
  { name: "tag", type: "string", default: "hbase", argument: "NAME", description: "name of this cluster" },
  {
    name: "zk-quorum",
    type: "string",
    required: true,
    aliases: ["zkQuorum"],
    argument: "h:p,h:p/CHROOT",
    description: "HBase's ZooKeeper and its folder there, e.g. zk1:2181,zk2:2181/hbase",
  },
  {
    name: "hbase-rs-group",
    type: "string",
    aliases: ["hbaseRsGroup"],
    argument: "GROUP",
    description: "region server group that must live, together with default; without it any region server will do",
  },
  {
    name: "min-live",
    type: "integer",
    default: 1,
    description: "how many live region servers it takes, in each group",
  },
  {
    name: "zk-lost-after",
    type: "duration",
    default: "15s",
    description: "how long ZooKeeper may be out of reach until the cluster counts as down",
  },
  {
    name: "server",
    type: "targets",
    argument: "h:p",
    description: "what is published for this cluster, in a store (the first ZooKeeper by default)",
  },
  {
    name: "agent-port",
    type: "integer",
    default: 9_999,
    aliases: ["port"],
    argument: "PORT",
    description: "answer HAProxy's agent-check on this port; 0 for none",
  },
  {
    name: "agent-bind",
    type: "string",
    repeatable: true,
    default: "*",
    argument: "ADDRESS,...",
    description: "where: addresses, * for all, unix:/path",
  },
  {
    name: "manual-recovery",
    type: "boolean",
    aliases: ["manualRecovery"],
    description: "a cluster that was down stays down until somebody says recover, also across restarts",
  },
  {
    name: "on-starting",
    type: "string",
    default: "down #starting",
    argument: "LINE",
    description: "the agent's answer before the first reading",
  },
];

/** An HBase cluster, or a region server group of it: up while ZooKeeper lists enough region servers as alive. */
export const hbase: Checker = {
  kind: "hbase",
  summary: "an HBase cluster whose region servers, or those of a group and of default, are alive",
  proxyportOffset: 10_000,
  options: OPTIONS,
  create: createService,
};

function createService(options: OptionValues, { clock }: ServiceContext): Service {
  const plan = planOf(options);
  const { quorum: address, target, groups, minLive, lostAfterMs } = plan;
  const readers = groups.map((name) => ({ name, read: createGroupReader(name, clock) }));
  const questions = questionsOf(address, groups);
  let news: (reason: string) => void = () => {};
  let lost: (reason: string) => void = () => {};
  let readMs: number | undefined;
  const quorum = createQuorum(address.members, {
    onChange: () => news("ZooKeeper tells of a change"),
    onLost: (reason) => lost(reason),
  });

  async function check({ signal, timeoutMs = 1_000 }: Parameters<Probe["check"]>[0]): Promise<Verdict> {
    try {
      const [, servers, ...others] = await quorum.ask(questions, { signal, timeoutMs });
      readMs = clock.monotonicMs();
      const folder = `${address.chroot}/rs`;
      if (servers?.isThere !== true) return { state: "down", reason: `HBase has no ${folder} in ZooKeeper` };
      // of each group its existence was asked first, then its data
      const named = readers.map(({ name, read }, at) => ({
        name,
        group: read(others[at * 2 + 1] ?? { isThere: false }),
      }));
      return judgeServers(servers.children ?? [], named, minLive);
    } catch (error) {
      signal.throwIfAborted();
      // That ZooKeeper is gone says nothing yet of region servers: they go on for as long as their own sessions last.
      if (readMs === undefined || clock.monotonicMs() - readMs > lostAfterMs) throw error;
      return { state: "unknown", reason: `ZooKeeper is out of reach: ${errorText(error)}` };
    }
  }

  return {
    discover: async () => target,
    open: () => ({
      check,
      onLost(listener) {
        lost = listener;
      },
      close: async () => {},
    }),
    onNews(listener) {
      news = listener;
    },
    close: async () => quorum.close(),
  };
}

function questionsOf({ chroot }: QuorumAddress, groups: readonly string[]): readonly ZkQuestion[] {
  const both = (what: "children" | "data", path: string): readonly ZkQuestion[] => [
    // of a znode that is not there yet only this is told
    { what: "exists", path },
    { what, path },
  ];
  return [`${chroot}/rs`]
    .flatMap((path) => both("children", path))
    .concat(groups.flatMap((name) => both("data", `${chroot}/rsgroup/${name}`)));
}

function planOf(options: OptionValues) {
  const quorum = parseQuorum(options["zk-quorum"]);
  const { server, "hbase-rs-group": group } = options;
  const minLive = Number(options["min-live"] ?? 1);
  if (!Number.isInteger(minLive) || minLive < 1)
    throw new AppError("E_USAGE", "--min-live must be a whole number from 1");
  if (group !== undefined && !/^[A-Za-z0-9_]+$/.test(String(group))) {
    throw new AppError("E_USAGE", `--hbase-rs-group: "${String(group)}" is not the name of a group`);
  }
  const target =
    Array.isArray(server) && server.length > 0 ? (server as readonly Target[]) : quorum.members.slice(0, 1);
  if (target.length > 1) throw new AppError("E_USAGE", "--server: one address stands for the cluster");
  // The default group has the meta table, without which nothing works.
  const groups = group === undefined ? [] : [...new Set([String(group), "default"])];
  return { quorum, target, groups, minLive, lostAfterMs: Number(options["zk-lost-after"] ?? 15_000) };
}
