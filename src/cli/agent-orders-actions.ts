import type { OrderDesk } from "../app/agent-orders.ts";
import type { Values } from "../config/resolve.ts";
import { AppError } from "../core/errors.ts";
import type { Order } from "../core/order.ts";
import { type OrderSubject, overlap, subjectWords } from "../core/order-subject.ts";
import { oneLine } from "../core/order-value.ts";
import { nearest } from "../lib/nearest.ts";
import { systemClock } from "../lib/system-clock.ts";
import { orderLine, otherLines, remainingLines, replacedLines } from "./agent-orders-words.ts";

/** What can be said by hand. */
export type OrderAction = "maint" | "drain" | "ready" | "recover" | "list";

/** What is to be done, and by whose word. */
export interface Task {
  readonly action: Exclude<OrderAction, "list">;
  readonly subject: OrderSubject;
  readonly desk: OrderDesk;
  readonly values: Values;
  readonly by: string;
}

/** Does it and prints what was done; resolves to the exit code. Throws E_USAGE, rejects with E_STORE_*. */
export function carryOut(task: Task): Promise<number> {
  if (task.action === "ready") return ready(task);
  if (task.action === "recover") return recover(task);
  return give(orderOf(task.action, task.values, task.by), task);
}

async function give(order: Order, { subject, desk }: Task): Promise<number> {
  const before = await desk.give(subject, order);
  const nowMs = systemClock.wallMs();
  // It is told at once: the rest may fail, and it is done all the same.
  print([orderLine({ subject, order, isOver: false }, nowMs), whereLine(desk), ...replacedLines(before, nowMs)]);
  const { orders: others } = await desk.list();
  return print([...otherLines({ subject, others, nowMs }), ...(await spellingLines(subject, desk))]);
}

async function ready({ subject, desk }: Task): Promise<number> {
  const before = await desk.takeBack(subject);
  const nowMs = systemClock.wallMs();
  const name = subjectWords(subject);
  const isTakenBack = before !== undefined && "order" in before && !before.isOver;
  if (isTakenBack) print([`${name}: ready`, `  taken back: ${orderLine(before, nowMs)}`, whereLine(desk)]);
  else print([`${name}: nothing to take back, no order stands for exactly this`, `  in ${desk.where}`]);
  const { orders: others } = await desk.list();
  const remaining = remainingLines({ subject, others, nowMs });
  print(remaining.length > 0 || isTakenBack ? remaining : await spellingLines(subject, desk));
  return isTakenBack ? 0 : 1;
}

async function recover({ subject, desk, by }: Task): Promise<number> {
  await desk.recover(subject, by);
  const what = "whoever is held down is let go, and is up as soon as it is well";
  return print([`${subjectWords(subject)}: ${what}`, whereLine(desk), ...(await spellingLines(subject, desk))]);
}

/** Prints the orders about the subject, or all; resolves to the exit code. */
export async function list(desk: OrderDesk, subject: OrderSubject | undefined): Promise<number> {
  const { orders, problems } = await desk.list();
  const nowMs = systemClock.wallMs();
  const wanted = orders.filter((filed) => subject === undefined || overlap(filed.subject, subject));
  const about = subject === undefined ? "" : ` about ${subjectWords(subject)}`;
  return print([
    ...(wanted.some(({ isOver }) => !isOver) ? [] : [`no order${about} is in force in ${desk.where}`]),
    ...wanted.map((filed) => orderLine(filed, nowMs)),
    ...problems.map(({ key, problem }) => `not heeded by any agent: ${oneLine(key)}: ${problem}`),
  ]);
}

function whereLine({ where, isLocal }: OrderDesk): string {
  const agents = isLocal
    ? "the agents of this machine that have no store"
    : "every agent of the tag that uses this store";
  return `  in ${where}: ${agents} will know in a moment`;
}

/** A slip in the tag is an order that nobody obeys. */
async function spellingLines({ tag }: OrderSubject, desk: OrderDesk): Promise<readonly string[]> {
  const tags = await desk.tags();
  if (tags.length === 0 || tags.includes(tag)) return [];
  const close = nearest(tag, tags);
  return [`  no entry in the store has the tag ${tag}${close === undefined ? "" : `: is ${close} meant?`}`];
}

/** Longer ones are better given without an end, ms. */
const LONGEST_MS = 3_650 * 86_400_000;

function orderOf(state: Order["state"], { reason, for: forMs }: Values, by: string): Order {
  const sinceMs = systemClock.wallMs();
  if (typeof forMs === "number" && (forMs <= 0 || forMs > LONGEST_MS)) {
    throw new AppError("E_USAGE", "--for must be more than nothing and at most 3650d");
  }
  const untilMs = typeof forMs === "number" ? sinceMs + forMs : undefined;
  return { state, reason: typeof reason === "string" ? oneLine(reason) : undefined, by, sinceMs, untilMs };
}

function print(lines: readonly string[]): number {
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
  return 0;
}
