import type { GroupStatus } from "../core/status.ts";

/** The names of the labels; kind and tag alone name a group. */
type Label = "kind" | "tag" | "server";

/** Adds one series of a family; a second value for the same labels does not make a second series. */
export type Add = (labels: Readonly<Partial<Record<Label, string>>>, value: number) => void;

/** One metric with all its series, as they follow from the groups. */
export interface Family {
  /** Without the prefix. */
  readonly name: string;
  readonly type: "gauge" | "counter";
  /** One sentence, for `# HELP`. */
  readonly help: string;
  readonly labels: readonly Label[];
  sample(group: GroupStatus, add: Add): void;
}

/** What is told of each tag, in the order in which it is written. Described for users in docs/monitoring.md. */
export const GROUP_FAMILIES: readonly Family[] = [
  {
    name: "checker_server_up",
    type: "gauge",
    help: "1 if the server is up, after rise and fall; 0 if it is down, draining or not known yet.",
    labels: ["kind", "tag", "server"],
    sample({ kind, tag, servers }, add) {
      for (const { name, health } of servers) add({ kind, tag, server: name }, health === "up" ? 1 : 0);
    },
  },
  {
    name: "checker_published",
    type: "gauge",
    help: "1 for each server that the entry in the store names, whether it is among the checked ones or not.",
    labels: ["kind", "tag", "server"],
    sample({ kind, tag, published = [] }, add) {
      for (const server of published) add({ kind, tag, server }, 1);
    },
  },
  {
    name: "checker_published_servers",
    type: "gauge",
    help: "How many servers the entry in the store names; absent until the store has told for the first time.",
    labels: ["kind", "tag"],
    sample({ kind, tag, published }, add) {
      if (published !== undefined) add({ kind, tag }, new Set(published).size);
    },
  },
  perTag(
    "checker_split_brain",
    "1 while several servers are up of which only one can rightly be.",
    ({ split }) => split,
  ),
  {
    name: "checker_leader",
    type: "gauge",
    help: "1 if this process may write the entry, 0 if another one holds the lock; absent without --ha or --publish writer.",
    labels: ["kind", "tag"],
    sample({ kind, tag, leader }, add) {
      if (leader !== undefined) add({ kind, tag }, Number(leader));
    },
  },
  {
    name: "checker_store_readable",
    type: "gauge",
    help: "1 while the store answers for this tag, else 0; absent where there is no store.",
    labels: ["kind", "tag"],
    sample({ kind, tag, publishes, storeReadable }, add) {
      if (publishes) add({ kind, tag }, Number(storeReadable));
    },
  },
  {
    name: "checker_order",
    type: "gauge",
    help: "1 while an order by hand (maint or drain) is in force; without a server it is for the whole tag.",
    labels: ["kind", "tag", "server"],
    sample({ kind, tag, orders }, add) {
      for (const { server = "" } of orders) add({ kind, tag, server }, 1);
    },
  },
  countPerTag("checker_probes_total", "Answers of servers taken in, good and bad.", "probes"),
  countPerTag("checker_failed_probes_total", "Answers of servers that were not good.", "failedProbes"),
  countPerTag("checker_rounds_total", "Rounds of probes that were begun.", "rounds"),
  countPerTag("checker_late_rounds_total", "Rounds that began more than 100 ms late.", "lateRounds"),
  countPerTag("checker_writes_total", "Entries written.", "writes"),
  countPerTag("checker_lost_writes_total", "Writes that another checker came before.", "lostWrites"),
  countPerTag("checker_split_brain_total", "Times that a split brain began.", "splits"),
];

function perTag(name: string, help: string, isSo: (group: GroupStatus) => boolean): Family {
  return {
    name,
    type: "gauge",
    help,
    labels: ["kind", "tag"],
    sample: (group, add) => add({ kind: group.kind, tag: group.tag }, Number(isSo(group))),
  };
}

function countPerTag(name: string, help: string, counter: keyof GroupStatus["counters"]): Family {
  return {
    name,
    type: "counter",
    help,
    labels: ["kind", "tag"],
    sample: ({ kind, tag, counters }, add) => add({ kind, tag }, counters[counter]),
  };
}
