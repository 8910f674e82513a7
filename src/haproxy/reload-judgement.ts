import type { Processes } from "./show-proc.ts";

/** What a master's list of processes tells of a reload, beside the list from before. */
export type Judgement =
  /** The master is there, and has not reloaded. */
  | { readonly is: "unchanged" }
  /** It has reloaded, and there is neither a new worker nor a failure yet. */
  | { readonly is: "underway" }
  /** From 3.1 on a worker is listed from its birth and may still fail: only one that answers has taken its file. */
  | { readonly is: "new-worker"; readonly pid: number }
  | { readonly is: "refused"; readonly says: string };

/** Compares the two lists. A master that was itself started since has read its file as well, as a reload does. */
export function judgeReload(before: Processes, now: Processes): Judgement {
  const isAnotherMaster = now.masterPid !== before.masterPid;
  if (!isAnotherMaster && now.reloads <= before.reloads) return { is: "unchanged" };
  const pid = now.worker?.pid;
  if (pid === undefined) return { is: "underway" };
  if (pid !== before.worker?.pid) return { is: "new-worker", pid };
  // Before 2.5 failures are not counted: the same worker says it all.
  if (now.failed === 0) return { is: "underway" };
  const count = now.failed === undefined ? "" : ` [failed: ${now.failed}]`;
  const says = `the master has reloaded${count}, and worker ${pid} goes on with the file before; HAProxy's log has the reason`;
  return { is: "refused", says };
}
