import type { GroupStatus, StandingOrder } from "../core/status.ts";
import { peersDocument } from "./peers-document.ts";
import type { JudgedGroup } from "./status-judgement.ts";
import { type StatusReport, unreadyLines } from "./status-report.ts";

/** The report for programs; every field is always there, null where it is not known. */
export function statusJson(report: StatusReport): string {
  const body = {
    version: report.version,
    startedAt: new Date(report.startedMs).toISOString(),
    now: new Date(report.nowMs).toISOString(),
    ready: unreadyLines(report).length === 0,
    tags: report.judged.map(tagJson),
    ...(report.peers === undefined ? {} : { peers: report.peers.map(peersDocument) }),
  };
  return `${JSON.stringify(body)}\n`;
}

function tagJson({ group, judgement }: JudgedGroup): unknown {
  const { kind, tag, publishes, published = null, leader = null, storeReadable, split, counters } = group;
  return {
    kind,
    tag,
    condition: judgement.condition,
    summary: judgement.words,
    publishes,
    published,
    leader,
    storeReadable,
    split,
    orders: group.orders.map(orderJson),
    servers: group.servers.map(serverJson),
    counters: { ...counters },
  };
}

function serverJson({ name, health, published, reason }: GroupStatus["servers"][number]): unknown {
  return { name, health, published, reason };
}

function orderJson({ server, order }: StandingOrder): unknown {
  const { state, reason = null, by = null, sinceMs, untilMs } = order;
  return { server: server ?? null, state, reason, by, since: isoTime(sinceMs), until: isoTime(untilMs) };
}

function isoTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
