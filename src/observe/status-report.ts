import type { PeersReading } from "../core/peers-status.ts";
import type { GroupStatus } from "../core/status.ts";
import { type JudgedGroup, judgeAll } from "./status-judgement.ts";

/** All that the pages show, as of one moment. */
export interface StatusReport {
  readonly version: string;
  /** Wall clock, ms since the Unix epoch. */
  readonly startedMs: number;
  readonly nowMs: number;
  /** Sorted by kind and tag. */
  readonly judged: readonly JudgedGroup[];
  /** HAProxies with one writer, of a process that renders; undefined: of one that checks. */
  readonly peers?: readonly PeersReading[];
}

/** What a report is made of. */
export interface ReportSource {
  readonly version: string;
  readonly startedMs: number;
  readonly nowMs: number;
  readonly groups: readonly GroupStatus[];
  readonly peers?: readonly PeersReading[];
}

/** Takes the picture. */
export function makeReport({ groups, ...rest }: ReportSource): StatusReport {
  return { ...rest, judged: judgeAll(groups) };
}

/** Why the process is not ready, one line per tag; empty when it is. */
export function unreadyLines(report: StatusReport): readonly string[] {
  if (report.judged.length === 0 && report.peers === undefined) return ["no tag is checked yet"];
  return report.judged.flatMap(({ group, unready }) =>
    unready === undefined ? [] : [`${group.kind} ${group.tag}: ${unready}`],
  );
}
