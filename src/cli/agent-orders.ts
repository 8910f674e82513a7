import { hostname, userInfo } from "node:os";
import { type FiledOrder, type OrderDesk, openOrderDesk } from "../app/agent-orders.ts";
import { environment } from "../config/env.ts";
import type { Flag } from "../config/flag.ts";
import { LOG_FLAGS, STORE_FLAGS } from "../config/flags-common.ts";
import { resolveOptions, type Values } from "../config/resolve.ts";
import { defaultStateDir } from "../config/state-dir.ts";
import { AppError } from "../core/errors.ts";
import type { Order } from "../core/order.ts";
import { type OrderSubject, parseSubject, subjectWords } from "../core/order-value.ts";
import type { Signals } from "../lib/process-signals.ts";
import { systemClock } from "../lib/system-clock.ts";
import { parseLine } from "./parse.ts";
import { openLogger } from "./world.ts";

/** What can be said by hand. */
export type OrderAction = "maint" | "drain" | "ready" | "recover" | "list";

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
  description: "who says so (default: your user name and this machine)",
};

const ORDER_FLAGS: readonly Flag[] = [
  { name: "reason", type: "string", argument: "TEXT", section: "Order", description: "why, in one line" },
  { name: "for", type: "duration", section: "Order", description: "ends by itself after so long, e.g. 30m" },
  BY,
];

const STATE_DIR: Flag = {
  name: "state-dir",
  type: "string",
  argument: "DIR",
  section: "Where the entries live",
  env: ["STATE_DIRECTORY"],
  description:
    "without a store: where the agents of this machine keep theirs (default /var/lib/confd-haproxy for root)",
};

/** `confd-haproxy agent maint …`: parses its words, does it, says what was done; resolves to the exit code. */
export async function agentOrders(action: OrderAction, argv: readonly string[], signals: Signals): Promise<number> {
  const flags = flagsOf(action);
  const shape = { name: `confd-haproxy agent ${action}`, summary: SUMMARIES[action], words: wordsOf(action), flags };
  const line = parseLine({ ...shape, epilog: EPILOG }, argv);
  if (line === undefined) return 0;
  const [words, ...more] = line.words;
  if (more.length > 0 || (words === undefined && action !== "list")) {
    throw new AppError("E_USAGE", `agent ${action} takes one tag`, { hint: `see ${shape.name} --help` });
  }
  const env = environment();
  const values = resolveOptions(flags, { flags: line.flags, env });
  const subject = words === undefined ? undefined : parseSubject(words);
  const stateDir = String(values["state-dir"] ?? defaultStateDir(env));
  const world = { clock: systemClock, logger: await openLogger(values, env), stop: signals.stop };
  const desk = await openOrderDesk(values, stateDir, world);
  try {
    if (subject === undefined || action === "list") return print(await listed(desk, subject));
    return await carryOut(action, subject, { desk, values, by: String(values["by"] ?? whoIAm(env)) });
  } finally {
    await desk.close();
  }
}

const EPILOG = `Which servers: tag (of every kind), kind/tag, or kind/tag/host:port for one server.
Every agent of the tag that uses the same store obeys within moments; the entries in the store stay as they are.

Exit code: 0 done, 1 it failed or there was nothing to take back, 2 wrong usage.`;

function flagsOf(action: OrderAction): readonly Flag[] {
  const own = action === "maint" || action === "drain" ? ORDER_FLAGS : action === "recover" ? [BY] : [];
  return [...own, ...STORE_FLAGS, STATE_DIR, ...LOG_FLAGS];
}

function wordsOf(action: OrderAction): string {
  return action === "list" ? "[tag]" : "<tag>";
}

interface Task {
  readonly desk: OrderDesk;
  readonly values: Values;
  readonly by: string;
}

async function carryOut(
  action: Exclude<OrderAction, "list">,
  subject: OrderSubject,
  { desk, values, by }: Task,
): Promise<number> {
  const name = subjectWords(subject);
  if (action === "ready") return ready(subject, desk);
  if (action === "recover") {
    await desk.recover(subject, by);
    return print(`${name}: whoever is held down is let go and is up as soon as it is well (in ${desk.where})\n`);
  }
  const order = orderOf(action, values, by);
  await desk.give(subject, order);
  const others = (await desk.list()).filter(
    (filed) => touches(filed.subject, subject) && subjectWords(filed.subject) !== name,
  );
  return print(`${describe({ subject, order })} (in ${desk.where})\n${also(others)}`);
}

async function ready(subject: OrderSubject, desk: OrderDesk): Promise<number> {
  const name = subjectWords(subject);
  const done = await desk.takeBack(subject);
  const others = (await desk.list()).filter((filed) => touches(filed.subject, subject));
  print(
    `${done ? `${name}: ready, the checks decide again` : `${name}: there is no order to take back`} (in ${desk.where})\n${also(others)}`,
  );
  return done ? 0 : 1;
}

async function listed(desk: OrderDesk, subject: OrderSubject | undefined): Promise<string> {
  const orders = (await desk.list()).filter((filed) => subject === undefined || touches(filed.subject, subject));
  if (orders.length === 0) return `no order is in force (in ${desk.where})\n`;
  return orders.map((filed) => `${describe(filed)}\n`).join("");
}

function orderOf(state: Order["state"], values: Values, by: string): Order {
  const { reason, for: forMs } = values;
  const sinceMs = systemClock.wallMs();
  if (forMs === 0) throw new AppError("E_USAGE", "--for must be longer than nothing");
  const untilMs = typeof forMs === "number" ? sinceMs + forMs : undefined;
  return { state, reason: typeof reason === "string" ? reason : undefined, by, sinceMs, untilMs };
}

function describe({ subject, order }: Pick<FiledOrder, "subject" | "order">): string {
  const { state, reason, by, untilMs } = order;
  const until = untilMs === undefined ? "until somebody says ready" : `until ${new Date(untilMs).toISOString()}`;
  return `${subjectWords(subject)}: ${state} ${until}${reason === undefined ? "" : `, ${reason}`}${by === undefined ? "" : ` (${by})`}`;
}

function also(others: readonly FiledOrder[]): string {
  return others.map((filed) => `  also in force: ${describe(filed)}\n`).join("");
}

/** Whether one of them may be about a server that the other is about. */
function touches(a: OrderSubject, b: OrderSubject): boolean {
  const sameKind = a.kind === undefined || b.kind === undefined || a.kind === b.kind;
  const sameServer = a.server === undefined || b.server === undefined || a.server === b.server;
  return a.tag === b.tag && sameKind && sameServer;
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

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
