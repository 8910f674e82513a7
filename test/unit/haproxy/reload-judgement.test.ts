import { expect, test } from "vitest";
import { judgeReload } from "../../../src/haproxy/reload-judgement.ts";
import type { Processes } from "../../../src/haproxy/show-proc.ts";

function list(reloads: number, failed: number | undefined, pid: number | undefined, masterPid = 10): Processes {
  const worker = pid === undefined ? undefined : { pid, reloads: 0, uptimeSeconds: 0, version: "" };
  return { masterPid, reloads, failed, worker, oldWorkers: [] };
}

test.each<[string, Processes, Processes, object]>([
  ["a master that has not reloaded", list(5, 0, 50), list(5, 0, 50), { is: "unchanged" }],
  ["one that has not, and still counts an older failure", list(5, 2, 50), list(5, 2, 50), { is: "unchanged" }],
  ["a new worker", list(5, 0, 50), list(6, 0, 51), { is: "new-worker", pid: 51 }],
  ["a new worker after failures", list(5, 2, 50), list(6, 0, 51), { is: "new-worker", pid: 51 }],
  [
    "a new worker, while the count of failures is still the old one (3.1)",
    list(5, 1, 50),
    list(6, 1, 51),
    { is: "new-worker" },
  ],
  ["a failure", list(5, 0, 50), list(6, 1, 50), { is: "refused", says: expect.stringContaining("[failed: 1]") }],
  ["a second failure, where it is counted", list(6, 1, 50), list(7, 2, 50), { is: "refused" }],
  ["a second failure, where it is not (3.2)", list(6, 1, 50), list(7, 1, 50), { is: "refused" }],
  ["the same worker on 2.4", list(5, undefined, 50), list(6, undefined, 50), { is: "refused" }],
  ["the same worker and no failure yet", list(5, 0, 50), list(6, 0, 50), { is: "underway" }],
  ["no worker yet", list(5, 0, 50), list(6, 0, undefined), { is: "underway" }],
  [
    "a master that was started anew, and counts from 0",
    list(5, 0, 50),
    list(0, 0, 51, 11),
    { is: "new-worker", pid: 51 },
  ],
])("%s", (_, before, now, judgement) => {
  expect(judgeReload(before, now)).toMatchObject(judgement);
});
