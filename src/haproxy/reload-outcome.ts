import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { formatMs } from "../lib/duration.ts";
import { askProcesses, LOOK_EVERY_MS, whyNot } from "./processes.ts";
import { judgeReload } from "./reload-judgement.ts";
import type { ReloadOutcome } from "./reload-master.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import type { Processes } from "./show-proc.ts";

/** One HAProxy, and how its reload is looked at. */
export interface Watched {
  readonly socket: RuntimeSocket;
  /** Where it has one: only the master knows that a reload was refused. */
  readonly master?: RuntimeSocket;
  readonly clock: Clock;
  /**
   * What does not agree with the file yet, in words: a server that is missing, a listener that is not open; undefined
   * when all does. Asked of the process that came by the reload, until it agrees or the time is over.
   */
  disagreement(call: Call): Promise<string | undefined>;
}

/** Who answered before a reload. */
export interface BeforeReload {
  /** Undefined where nobody did: whoever answers afterwards came by the reload. */
  readonly worker: Answerer | undefined;
  /** Undefined without a master, or where it did not answer. */
  readonly processes: Processes | undefined;
}

/** The process behind a runtime socket. */
export interface Answerer {
  readonly pid: number;
  readonly uptimeSeconds: number;
}

/** How long a reload may take when the caller does not say, ms. */
const TIMEOUT_MS = 30_000;

/**
 * How often the new process must answer in a row: for some 40 ms. While two processes share a listening socket the old
 * one was seen to answer up to 20 ms after the new one had (2.6, 3.0 and 3.2 with `-x`, both cores busy).
 */
const CONFIRMATIONS = 3;

/** How long a new process may take to have what the file says, ms: it answers when it has read it. */
const AGREE_MS = 3_000;

/** The longest one look may take, ms: a process that is stopping may leave a question unanswered. */
const LOOK_MS = 2_000;

/**
 * How long a master may be at a reload that somebody else has asked for, ms: 2.6 says nothing while it reads the file,
 * and tries a port that is taken for two seconds. The worker that comes of it may have the file from before ours, and
 * without the master's word from before nobody could tell that ours was refused.
 */
const BUSY_MS = 30_000;
/** And how long nobody may listen on its socket then, ms. */
const BIND_MS = 500;

/**
 * Reads who answers now; to be done after the new file is at dest and before the reload. Throws E_HAPROXY when what is
 * said to be the master's socket is not one.
 */
export async function readBeforeReload(watched: Omit<Watched, "disagreement">, call: Call): Promise<BeforeReload> {
  const { master } = watched;
  const { answerer } = await askWho(watched.socket, call);
  if (master === undefined) return { worker: answerer, processes: undefined };
  const startedMs = watched.clock.monotonicMs();
  for (;;) {
    const { processes, isUnreachable } = await askProcesses(master, call);
    const waitedMs = watched.clock.monotonicMs() - startedMs;
    const isWorthIt = answerer !== undefined && waitedMs < (isUnreachable === true ? BIND_MS : BUSY_MS);
    if (processes !== undefined || !isWorthIt) return { worker: answerer, processes };
    await watched.clock.sleep(LOOK_EVERY_MS, call.signal);
  }
}

/**
 * Waits until a reload that was asked for by other means (`systemctl reload`, `kill -USR2`, `haproxy -sf`) shows on
 * the runtime socket: another process answers, what it has agrees with the file, and no other answers any more. Or
 * until the master tells that the file was refused.
 */
export async function watchReload(before: BeforeReload, watched: Watched, call: Call): Promise<ReloadOutcome> {
  const { clock } = watched;
  const startedMs = clock.monotonicMs();
  const timeoutMs = call.timeoutMs ?? TIMEOUT_MS;
  let agreesUntilMs: number | undefined;
  for (;;) {
    const look = await lookOnce(before, watched, call);
    const nowMs = clock.monotonicMs();
    if (look.workerPid !== undefined) return { result: "loaded", workerPid: look.workerPid, tookMs: nowMs - startedMs };
    if (look.refused !== undefined) return { result: "refused", says: look.refused };
    agreesUntilMs = look.differs === undefined ? undefined : (agreesUntilMs ?? nowMs + AGREE_MS);
    if (nowMs >= Math.min(startedMs + timeoutMs, agreesUntilMs ?? Number.POSITIVE_INFINITY)) {
      return unclear(look, nowMs - startedMs);
    }
    await clock.sleep(LOOK_EVERY_MS, call.signal);
  }
}

function unclear({ why, differs }: Look, afterMs: number): ReloadOutcome {
  const says = `not within ${formatMs(afterMs)}: ${why}`;
  return { result: "unclear", says, ...(differs === undefined ? {} : { differs }) };
}

/** What one look has shown: the new worker, a refusal, or why it is neither yet. */
interface Look {
  readonly workerPid?: number;
  readonly refused?: string;
  /** What a new process has not as the file says. */
  readonly differs?: string;
  readonly why: string;
}

async function lookOnce(before: BeforeReload, watched: Watched, call: Call): Promise<Look> {
  const seen = await askWho(watched.socket, call);
  if (seen.answerer !== undefined && isAnother(before.worker, seen.answerer)) {
    return lookCloser(seen.answerer, watched, call);
  }
  const refused = await refusal(before.processes, watched.master, call);
  if (refused !== undefined) return { refused, why: refused };
  return { why: seen.why ?? `process ${before.worker?.pid} still answers on ${watched.socket.name}` };
}

/** The pid again, and again: what was compared was this process's, and no other answers any more. */
async function lookCloser(answerer: Answerer, watched: Watched, call: Call): Promise<Look> {
  const why = await disagreement(watched, call);
  if (why !== undefined) {
    return { differs: why, why: `process ${answerer.pid} answers on ${watched.socket.name}, but ${why}` };
  }
  for (let left = CONFIRMATIONS; left > 0; left--) {
    const after = await askWho(watched.socket, call);
    if (after.answerer === undefined) return { why: after.why };
    if (after.answerer.pid !== answerer.pid) {
      return { why: `process ${after.answerer.pid} answers in turn with process ${answerer.pid}` };
    }
    if (left > 1) await watched.clock.sleep(LOOK_EVERY_MS, call.signal);
  }
  return { workerPid: answerer.pid, why: "" };
}

async function disagreement(watched: Watched, call: Call): Promise<string | undefined> {
  try {
    return await watched.disagreement({ signal: call.signal, timeoutMs: LOOK_MS });
  } catch (error) {
    call.signal.throwIfAborted();
    return `what it has cannot be read: ${whyNot(error)}`;
  }
}

async function refusal(
  before: Processes | undefined,
  master: RuntimeSocket | undefined,
  call: Call,
): Promise<string | undefined> {
  if (before === undefined || master === undefined) return undefined;
  const { processes } = await askProcesses(master, call);
  const judgement = processes === undefined ? undefined : judgeReload(before, processes);
  return judgement?.is === "refused" ? judgement.says : undefined;
}

/** Another pid, or the same one with a younger process behind it: in a container each HAProxy has the same. */
function isAnother(before: Answerer | undefined, now: Answerer): boolean {
  return before === undefined || now.pid !== before.pid || now.uptimeSeconds < before.uptimeSeconds;
}

type Who = { readonly answerer: Answerer; readonly why?: never } | { readonly answerer?: never; readonly why: string };

async function askWho(socket: RuntimeSocket, call: Call): Promise<Who> {
  try {
    const info = await socket.ask("show info", { signal: call.signal, timeoutMs: LOOK_MS });
    const pid = /^Pid: (\d+)$/m.exec(info)?.[1];
    const uptime = /^Uptime_sec: (\d+)$/m.exec(info)?.[1];
    if (pid === undefined) return { why: `${socket.name} does not say its pid` };
    return { answerer: { pid: Number(pid), uptimeSeconds: Number(uptime ?? 0) } };
  } catch (error) {
    call.signal.throwIfAborted();
    return { why: whyNot(error) };
  }
}
