import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import { formatMs } from "../lib/duration.ts";
import { askProcesses, awaitProcesses, LOOK_EVERY_MS, whyNot } from "./processes.ts";
import { judgeReload } from "./reload-judgement.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import type { Processes } from "./show-proc.ts";

/** Up to 3.0 a worker that ends at once (a chroot that is not there) takes its master and the old worker with it. */
const MAYBE_ENDED = "it still reads its file, or HAProxy has ended, which its log tells";

/** What came of a reload. */
export type ReloadOutcome =
  | { readonly result: "loaded"; readonly workerPid: number; readonly tookMs: number }
  /** The file was not taken, and what ran before goes on. `says` is in HAProxy's own words where it tells them. */
  | { readonly result: "refused"; readonly says: string }
  /** The time is over, or what was seen proves neither. */
  | {
      readonly result: "unclear";
      readonly says: string;
      /** Another process has come, and what it has differs from the file in this. */
      readonly differs?: string;
    };

/** How long a reload may take when the caller does not say, ms. */
const TIMEOUT_MS = 30_000;

/** How long a worker may take to answer, ms. */
const WORKER_MS = 2_000;

/**
 * Tells the master to reload and waits for the outcome.
 *
 * 2.7 and later answer when it is over: `Success=1` or `Success=0`, a line `--`, and the messages of the start. Up to
 * 2.6 the master executes itself anew within the command, so the connection ends with no answer, and what it says when
 * it is back decides: another worker, or a count of failures.
 *
 * The state before is read when the master answers, so it is not reloading then: any reload counted afterwards began
 * later, whoever asked for it, and read what is at dest now. A reload that is not counted was lost (a connection that
 * is made just while a master executes itself anew is dropped unread), and is asked for again.
 *
 * Throws E_HAPROXY when the socket is not a master's or does not let us reload; the signal's reason on abort.
 */
export async function reloadByMaster(
  master: RuntimeSocket,
  call: Call & { readonly clock: Clock },
): Promise<ReloadOutcome> {
  const { clock } = call;
  const startedMs = clock.monotonicMs();
  const timeoutMs = call.timeoutMs ?? TIMEOUT_MS;
  const untilMs = startedMs + timeoutMs;
  const loaded = (workerPid: number) =>
    ({ result: "loaded", workerPid, tookMs: clock.monotonicMs() - startedMs }) satisfies ReloadOutcome;
  const tooLate = (why: string): ReloadOutcome => ({
    result: "unclear",
    says: `within ${formatMs(timeoutMs)} the master has not told what came of the reload: ${why}`,
  });

  const before = await awaitProcesses(master, untilMs, call);
  if (before.processes === undefined) return tooLate(before.why);
  let why = "it has not reloaded";
  while (clock.monotonicMs() < untilMs) {
    const answer = await askToReload(master, untilMs, call);
    if (answer.refused !== undefined) return { result: "refused", says: answer.refused };
    const seen = await awaitOutcome(before.processes, { master, untilMs }, call);
    if (seen.workerPid !== undefined) return loaded(seen.workerPid);
    if (seen.refused !== undefined) return { result: "refused", says: seen.refused };
    why = answer.why ?? seen.why;
    await clock.sleep(LOOK_EVERY_MS, call.signal);
  }
  return tooLate(why);
}

/** What the master answered to `reload`: that the file was refused, or why that cannot be told from the answer. */
interface ReloadAnswer {
  readonly refused?: string;
  readonly why?: string;
}

async function askToReload(
  master: RuntimeSocket,
  untilMs: number,
  call: Call & { readonly clock: Clock },
): Promise<ReloadAnswer> {
  const timeoutMs = Math.max(1, untilMs - call.clock.monotonicMs());
  let answer: string;
  try {
    answer = await master.unjudged.ask("reload", { signal: call.signal, timeoutMs });
  } catch (error) {
    call.signal.throwIfAborted();
    return { why: whyNot(error) };
  }
  if (/^Permission denied/.test(answer.trim())) {
    throw new AppError("E_HAPROXY", `${master.name} does not let us reload: ${answer.trim()}`, {
      hint: "the master's socket (-S) must have the level operator or admin",
    });
  }
  if (!answer.startsWith("Success=0")) return {};
  // Only from 3.1 on: before, a master that reloads does not listen.
  if (answer.includes("Another reload is still in progress")) return { why: "another reload is still in progress" };
  return { refused: reasonIn(answer) };
}

/** The messages of a start that failed, without those that are there each time. */
function reasonIn(answer: string): string {
  const [, ...messages] = answer.trim().split("\n");
  const lines = messages.filter((line) => line !== "--" && !line.startsWith("[NOTICE]"));
  return lines.join("\n").trim() || "Success=0, and no reason (this HAProxy was built without USE_SHM_OPEN)";
}

/** What the master's list of processes tells of a reload that was asked for. */
interface Seen {
  /** Looking again shows no more. */
  readonly isSettled: boolean;
  /** A worker that came since, and answers. */
  readonly workerPid?: number;
  readonly refused?: string;
  readonly why: string;
}

/** Looks until it can be told what came of the reload; ends early when the master is there and has not reloaded. */
async function awaitOutcome(
  before: Processes,
  where: { readonly master: RuntimeSocket; readonly untilMs: number },
  call: Call & { readonly clock: Clock },
): Promise<Seen> {
  for (;;) {
    const seen = await look(before, where.master, call);
    if (seen.isSettled) return seen;
    if (call.clock.monotonicMs() >= where.untilMs) return seen;
    await call.clock.sleep(LOOK_EVERY_MS, call.signal);
  }
}

async function look(before: Processes, master: RuntimeSocket, call: Call): Promise<Seen> {
  const { processes, why } = await askProcesses(master, call);
  if (processes === undefined) return { isSettled: false, why: `${why}; ${MAYBE_ENDED}` };
  const judgement = judgeReload(before, processes);
  switch (judgement.is) {
    case "unchanged":
      return { isSettled: true, why: "it has not reloaded" };
    case "refused":
      return { isSettled: true, refused: judgement.says, why: judgement.says };
    case "underway":
      return { isSettled: false, why: "no new worker has come" };
    case "new-worker":
      if (await answers(judgement.pid, master, call)) return { isSettled: true, workerPid: judgement.pid, why: "" };
      return { isSettled: false, why: `its new worker ${judgement.pid} does not answer` };
  }
}

/** Whether a worker has taken its file: before that it does not answer. */
async function answers(pid: number, master: RuntimeSocket, call: Call): Promise<boolean> {
  try {
    const info = await master.ask(`@!${pid} show info`, { signal: call.signal, timeoutMs: WORKER_MS });
    return new RegExp(`^Pid: ${pid}$`, "m").test(info);
  } catch {
    call.signal.throwIfAborted();
    return false;
  }
}
