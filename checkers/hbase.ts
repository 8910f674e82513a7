import type { Call } from "../src/core/call.ts";
import type { Checker, Service, ServiceContext } from "../src/core/checker.ts";
import { AppError, errorText } from "../src/core/errors.ts";
import type { OptionSpec, OptionValues } from "../src/core/option.ts";
import type { Target } from "../src/core/targets.ts";
import type { Verdict } from "../src/core/verdict.ts";
import { DEFAULT_GROUP } from "./hbase/groups.ts";
import { judgeServers } from "./hbase/judge.ts";
import { createQuorum, parseQuorum } from "./hbase/quorum.ts";
import { type Ask, createReader, type Reading, readSettled } from "./hbase/reading.ts";

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
    description: "how long ZooKeeper may be out of reach before the cluster counts as down",
  },
  {
    name: "server",
    type: "targets",
    argument: "h:p",
    description: "address to publish for this cluster, where there is a store (default the first ZooKeeper)",
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
    description: "addresses to answer on; * for all, unix:/path for a socket",
  },
  {
    name: "manual-recovery",
    type: "boolean",
    aliases: ["manualRecovery"],
    description: "a cluster that was down stays down until confd-haproxy agent recover, also across restarts",
  },
  {
    name: "on-starting",
    type: "string",
    default: "down #starting",
    argument: "LINE",
    description: "the agent's answer before the first reading",
  },
];

/** Where nobody says how long; a group always does. */
const DEFAULT_TIMEOUT_MS = 1_000;

/** An HBase cluster, or a region server group of it: up while ZooKeeper lists enough region servers as alive. */
export const hbase: Checker = {
  kind: "hbase",
  summary: "an HBase cluster that has live region servers; of a group, if one is named",
  proxyportOffset: 10_000,
  options: OPTIONS,
  create: createService,
};

function createService(options: OptionValues, { clock }: ServiceContext): Service {
  const { quorum: address, target, groups, minLive, lostAfterMs } = planOf(options);
  const read = createReader(address.chroot, groups, clock);
  let changes = 0;
  let news: (reason: string) => void = () => {};
  let lost: (reason: string) => void = () => {};
  let readMs: number | undefined;
  const quorum = createQuorum(address.members, {
    onChange() {
      changes += 1;
      news("ZooKeeper tells of a change");
    },
    onLost: (reason) => lost(reason),
  });

  function readAll({ signal, timeoutMs = DEFAULT_TIMEOUT_MS }: Call): Promise<Reading> {
    const endMs = clock.monotonicMs() + timeoutMs;
    const ask: Ask = (questions) => quorum.ask(questions, { signal, timeoutMs: endMs - clock.monotonicMs() });
    return readSettled(
      () => read(ask),
      () => changes,
    );
  }

  async function check(call: Call): Promise<Verdict> {
    try {
      const { children, groups: found } = await readAll(call);
      readMs = clock.monotonicMs();
      if (children === undefined) return { state: "down", reason: `ZooKeeper has no ${address.chroot}/rs` };
      return judgeServers(children, found, minLive);
    } catch (error) {
      call.signal.throwIfAborted();
      // That ZooKeeper is gone says nothing yet of region servers: they go on for as long as their own sessions last.
      if (readMs === undefined || clock.monotonicMs() - readMs >= lostAfterMs) throw error;
      return { state: "unknown", reason: `ZooKeeper cannot be read: ${errorText(error)}` };
    }
  }

  const close = async () => quorum.close();
  const onLost = (listener: (reason: string) => void) => {
    lost = listener;
  };
  return {
    discover: async () => target,
    open: () => ({ check, onLost, close }),
    onNews(listener) {
      news = listener;
    },
    close,
  };
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
  // Its tables, hbase:meta above all, are what every client begins with.
  const groups = group === undefined ? [] : [...new Set([String(group), DEFAULT_GROUP])];
  return { quorum, target, groups, minLive, lostAfterMs: Number(options["zk-lost-after"] ?? 15_000) };
}
