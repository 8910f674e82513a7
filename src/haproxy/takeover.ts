import type { Call } from "../core/call.ts";
import { AppError } from "../core/errors.ts";
import { type CommandResult, runProgram } from "../lib/exec.ts";
import type { ReloadOutcome } from "./reload-master.ts";
import { readBeforeReload, type Watched, watchReload } from "./reload-outcome.ts";
import { planSuccessor } from "./takeover-target.ts";

/** How long a reload may take when the caller does not say, ms. */
const TIMEOUT_MS = 30_000;

/**
 * Reloads a HAProxy that has no master: starts the same program with the same words once more, which takes the
 * listening sockets over (`-x`) and tells the old one to end with its last session (`-sf`). Same machine only.
 *
 * The new process is in the background (`-D`): the first one ends with 0 when the file was read and all listeners are
 * open, and with 1 and the reason on stderr when not; then the old process goes on.
 *
 * Throws E_HAPROXY where it cannot be done, or must not, with what to do instead.
 */
export async function reloadByTakeover(watched: Watched, call: Call): Promise<ReloadOutcome> {
  const { clock, socket } = watched;
  const startedMs = clock.monotonicMs();
  const timeoutMs = call.timeoutMs ?? TIMEOUT_MS;
  const path = unixPath(socket.name);
  const before = await readBeforeReload(watched, call);
  if (before.worker === undefined) {
    throw new AppError("E_HAPROXY", `nobody answers on ${socket.name}: it cannot be told which process to replace`, {
      hint: "start HAProxy; it reads the file then",
    });
  }
  const successor = await planSuccessor(before.worker.pid, path);
  const run = await runProgram(successor, { signal: call.signal, timeoutMs });
  call.signal.throwIfAborted();
  if (!run.ok) return notStarted(run, path);
  const leftMs = Math.max(1, timeoutMs - (clock.monotonicMs() - startedMs));
  const outcome = await watchReload(before, watched, { signal: call.signal, timeoutMs: leftMs });
  return outcome.result === "loaded" ? { ...outcome, tookMs: clock.monotonicMs() - startedMs } : outcome;
}

function unixPath(address: string): string {
  const path = /^(?:unix:)?(\/.+)$/.exec(address)?.[1];
  if (path !== undefined) return path;
  throw new AppError("E_HAPROXY", `HAProxy cannot be reloaded by a new process over ${address}`, {
    hint: "listening sockets can only be handed over on a unix socket of this machine; set reload_cmd or master_socket",
  });
}

/** Said by the new process when the old one will not hand its sockets over (src/haproxy.c, 2.4 to 3.5). */
const NO_SOCKETS = "Failed to get the sockets from the old process";

function notStarted({ ending, output }: CommandResult, path: string): ReloadOutcome {
  if (output.includes(NO_SOCKETS)) {
    throw new AppError("E_HAPROXY", `the old HAProxy does not hand its listening sockets over on ${path}`, {
      hint: 'add "expose-fd listeners" to that "stats socket" line in haproxy.cfg, and restart HAProxy once',
    });
  }
  const lines = output.split("\n").filter((line) => !line.startsWith("[NOTICE]"));
  const says = lines.join("\n").trim() || ending;
  // Whatever else ended it may have come after the old process was told to end.
  return ending === "exit code 1" ? { result: "refused", says } : { result: "unclear", says: `${ending}: ${says}` };
}
