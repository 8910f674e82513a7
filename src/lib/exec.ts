import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Call } from "../core/call.ts";

/** How a command ended. `output` is the end of what it printed, stdout and stderr as they came. */
export interface CommandResult {
  readonly ok: boolean;
  /** In words: `exit code 1`, `killed by SIGKILL`, `no end within 30000 ms`. */
  readonly ending: string;
  readonly output: string;
  readonly tookMs: number;
}

/** A program and how it is started. What is not said is as ours. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** All of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whom it runs as; only root may say so. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** How long a command may go on after SIGTERM before its whole process group gets SIGKILL, ms. */
const KILL_AFTER_MS = 2_000;
/** How much of the output's end is kept, bytes. */
const OUTPUT_TAIL_BYTES = 16_384;

/**
 * Runs one line in `/bin/sh`, as confd does, in a process group of its own. Past `call.timeoutMs` (or when
 * `call.signal` aborts) the group gets SIGTERM, then SIGKILL. Never rejects for what the command does: the
 * result says how it ended.
 *
 * The output goes to an unlinked file, not to a pipe: a command that leaves a daemon behind with our pipe in
 * its hands (a restart script, say) would otherwise keep us waiting for as long as that daemon lives.
 */
export function runCommand(command: string, call: Call & { readonly timeoutMs: number }): Promise<CommandResult> {
  return runProgram({ file: "/bin/sh", args: ["-c", command] }, call);
}

/** The same for a program that is started without a shell. */
export async function runProgram(
  program: Program,
  call: Call & { readonly timeoutMs: number },
): Promise<CommandResult> {
  const { execa } = await import("execa");
  const started = performance.now();
  const output = openUnlinked();
  try {
    const child = execa(program.file, program.args, {
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
      ...(program.env === undefined ? {} : { env: program.env, extendEnv: false }),
      ...program.user,
      // execa takes any descriptor; only its types stop at 9
      stdio: ["ignore", output as 9, output as 9],
      detached: true,
      cleanup: false,
      reject: false,
    });
    const killing = killGroupWhenDue(child.pid, call);
    const result = await child;
    const cutShort = killing.end();
    return {
      ok: result.exitCode === 0 && cutShort === undefined,
      ending: cutShort ?? endingOf(result),
      output: tailOf(output),
      tookMs: performance.now() - started,
    };
  } finally {
    closeSync(output);
  }
}

function endingOf(result: {
  exitCode?: number | undefined;
  signal?: string | undefined;
  shortMessage?: string | undefined;
}): string {
  if (result.signal !== undefined) return `killed by ${result.signal}`;
  return result.exitCode === undefined ? (result.shortMessage ?? "it did not start") : `exit code ${result.exitCode}`;
}

/** Ends the group on timeout or abort; `end()` stops that and says why it was cut short, if it was. */
function killGroupWhenDue(pid: number | undefined, call: Call & { readonly timeoutMs: number }) {
  let why: string | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const cut = (reason: string) => {
    if (why !== undefined) return;
    why = reason;
    signalGroup(pid, "SIGTERM");
    killTimer = setTimeout(() => signalGroup(pid, "SIGKILL"), KILL_AFTER_MS);
  };
  const onAbort = () => cut("stopped because we were told to stop");
  const timer = setTimeout(() => cut(`no end within ${call.timeoutMs} ms`), call.timeoutMs);
  if (call.signal.aborted) onAbort();
  else call.signal.addEventListener("abort", onAbort, { once: true });
  return {
    end(): string | undefined {
      clearTimeout(timer);
      clearTimeout(killTimer);
      call.signal.removeEventListener("abort", onAbort);
      if (why !== undefined) signalGroup(pid, "SIGKILL");
      return why;
    },
  };
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function openUnlinked(): number {
  const path = join(tmpdir(), `confd-haproxy-${process.pid}-${Math.random().toString(36).slice(2)}`);
  const fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_APPEND, 0o600);
  unlinkSync(path);
  return fd;
}

function tailOf(fd: number): string {
  const size = fstatSync(fd).size;
  const bytes = Buffer.alloc(Math.min(size, OUTPUT_TAIL_BYTES));
  const read = readSync(fd, bytes, 0, bytes.length, Math.max(0, size - OUTPUT_TAIL_BYTES));
  return bytes.subarray(0, read).toString("utf8").trim();
}
