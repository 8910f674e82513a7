import { hostname, userInfo } from "node:os";
import { openOrderDesk } from "../app/agent-orders.ts";
import { environment } from "../config/env.ts";
import type { Flag } from "../config/flag.ts";
import { LOG_FLAGS, STORE_FLAGS } from "../config/flags-common.ts";
import { resolveOptions } from "../config/resolve.ts";
import { defaultStateDir } from "../config/state-dir.ts";
import { parseSubject } from "../core/order-subject.ts";
import { oneLine } from "../core/order-value.ts";
import type { Signals } from "../lib/process-signals.ts";
import { systemClock } from "../lib/system-clock.ts";
import { carryOut, list, type OrderAction } from "./agent-orders-actions.ts";
import { parseLine } from "./parse.ts";
import { openLogger } from "./world.ts";

const SUMMARIES: Readonly<Record<OrderAction, string>> = {
  maint:
    "Takes servers out of use: every agent of the tag answers maint, which also cuts sessions where haproxy.cfg says so.",
  drain: "Keeps new sessions off servers; those that are there go on.",
  ready: "Takes a maint or drain back.",
  recover: "Lets go of servers that are held down by --manual-recovery.",
  list: "Lists the orders in force.",
};

const BY: Flag = {
  name: "by",
  type: "string",
  argument: "NAME",
  section: "Order",
  description: "who says so (default your user name and this machine)",
};

const ORDER_FLAGS: readonly Flag[] = [
  {
    name: "reason",
    type: "string",
    argument: "TEXT",
    section: "Order",
    description: "why, in one line; HAProxy shows it",
  },
  {
    name: "for",
    type: "duration",
    section: "Order",
    description: "how long; then it ends by itself, e.g. 30m (default until agent ready)",
  },
  BY,
];

const STATE_DIR: Flag = {
  name: "state-dir",
  type: "string",
  argument: "DIR",
  section: "Where the entries live",
  env: ["STATE_DIRECTORY"],
  description:
    "without a store: where the agents of this machine keep theirs (default /var/lib/confd-haproxy, or below your home)",
};

/** `confd-haproxy agent maint …`: parses its words, does it, says what was done; resolves to the exit code. */
export async function agentOrders(action: OrderAction, argv: readonly string[], signals: Signals): Promise<number> {
  const flags = flagsOf(action);
  const shape = { name: `confd-haproxy agent ${action}`, summary: SUMMARIES[action], words: wordsOf(action), flags };
  const line = parseLine({ ...shape, epilog: epilogOf(action) }, argv);
  if (line === undefined) return 0;
  const [words] = line.words;
  const env = environment();
  const values = resolveOptions(flags, { flags: line.flags, env });
  const subject = words === undefined ? undefined : parseSubject(words);
  const stateDir = String(values["state-dir"] ?? defaultStateDir(env));
  const world = { clock: systemClock, logger: await openLogger(values, env), stop: signals.stop };
  const desk = await openOrderDesk(values, stateDir, world);
  try {
    if (subject === undefined || action === "list") return await list(desk, subject);
    const by = oneLine(String(values["by"] ?? whoIAm(env))) ?? "nobody";
    return await carryOut({ action, subject, desk, values, by });
  } finally {
    await desk.close();
  }
}

const OBEYED =
  "Every agent of the tag that uses the same store obeys within moments; the entries in the store stay as they are.";

function epilogOf(action: OrderAction): string {
  const failed = action === "ready" ? "it failed or there was nothing to take back" : "it failed";
  return `Which servers: tag (of every kind), kind/tag, or kind/tag/host:port for one server.
${action === "list" ? "" : `${OBEYED}\n`}
Exit code: 0 done, 1 ${failed}, 2 wrong usage.`;
}

function flagsOf(action: OrderAction): readonly Flag[] {
  const own = action === "maint" || action === "drain" ? ORDER_FLAGS : action === "recover" ? [BY] : [];
  return [...own, ...STORE_FLAGS, STATE_DIR, ...LOG_FLAGS];
}

function wordsOf(action: OrderAction): string {
  return action === "list" ? "[tag]" : "<tag>";
}

function whoIAm(env: Readonly<Record<string, string | undefined>>): string {
  return `${env["SUDO_USER"] ?? userName()}@${hostname()}`;
}

/** A container's user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
