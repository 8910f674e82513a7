import type { GroupStatus } from "../core/status.ts";
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
  };
  return `${JSON.stringify(body)}\n`;
}

function tagJson({ group, judgement }: JudgedGroup): unknown {
  const { kind, tag, published = null, leader = null, storeReadable, split, counters } = group;
  return {
    kind,
    tag,
    condition: judgement.condition,
    summary: judgement.words,
    published,
    leader,
    storeReadable,
    split,
    servers: group.servers.map(serverJson),
    counters: { ...counters },
  };
}

function serverJson({ name, health, published, reason }: GroupStatus["servers"][number]): unknown {
  return { name, health, published, reason };
}
