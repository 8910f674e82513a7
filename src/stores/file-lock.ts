import { lstatSync, readFileSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";

const LOCK_NAME = ".lock";
/** A lock of another machine or container, whose processes we cannot see, counts as abandoned after this, ms. */
const FOREIGN_ABANDONED_MS = 10_000;
/** How long to wait between two looks at a lock that is held, ms; chance keeps waiters out of step. */
const POLL_MS = 2;

/** Who holds a lock: enough to tell whether that process still lives. `nonce` makes each holding unique. */
interface Holder {
  readonly pid: number;
  readonly start: string;
  readonly place: string;
  readonly nonce: string;
}

/**
 * Runs `work` while no other process does so for the same folder. The lock is a symbolic link whose target
 * names the holder: made in one step with its content, and refused by the kernel if it is there already. The
 * work is synchronous, so calls of one process never wait for one another. Throws E_STORE_UNREACHABLE when
 * the lock is not free in time.
 */
export async function withFolderLock<T>(
  folder: string,
  work: () => T,
  call: Call & { readonly clock: Clock; readonly timeoutMs: number },
): Promise<T> {
  const path = join(folder, LOCK_NAME);
  const endMs = call.clock.monotonicMs() + call.timeoutMs;
  let mine: string | undefined;
  for (;;) {
    call.signal.throwIfAborted();
    const wallMs = call.clock.wallMs();
    mine = tryLink(path, wallMs);
    if (mine !== undefined) break;
    const holder = readLock(path);
    if (holder !== undefined && isAbandoned(path, holder, wallMs)) bury(path, holder, wallMs);
    else if (holder !== undefined) await pause(path, endMs, call);
  }
  try {
    return work();
  } finally {
    // Another machine may have taken over after we were stopped for long: then the lock is no longer ours.
    if (readLock(path) === mine) unlinkSync(path);
  }
}

async function pause(path: string, endMs: number, call: Call & { readonly clock: Clock }): Promise<void> {
  if (call.clock.monotonicMs() >= endMs) {
    throw new AppError(
      "E_STORE_UNREACHABLE",
      `the lock ${path} is held by ${readLock(path) ?? "nobody"} for too long`,
      {
        hint: "another process is writing there and does not get on: is it stopped, or its disk stuck?",
      },
    );
  }
  await call.clock.sleep(POLL_MS * (0.5 + Math.random()), call.signal);
}

/** What the lock says now that it is ours, or undefined when it is someone else's. */
function tryLink(path: string, wallMs: number): string | undefined {
  const own = self();
  const text = print({ ...own, nonce: `${Math.round(wallMs).toString(36)}-${own.pid}-${holdings++}` });
  try {
    symlinkSync(text, path);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
}

/** What the lock says, or undefined when it is free by now. */
function readLock(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    // EINVAL: something that is no link of ours lies there.
    if (code === "EINVAL") return "";
    throw error;
  }
}

/**
 * Takes away the lock of a dead holder. Two processes may find it dead at the same time, and the slower one
 * must not take away the lock that the quicker one made meanwhile: so the right to remove this one holding is
 * itself a lock, named for it, and its owner looks again before removing. If that owner dies as well, the
 * right to remove its right is found dead in the same way.
 */
function bury(path: string, holder: string, wallMs: number): void {
  const right = `${path}.${parse(holder)?.nonce ?? "unknown"}`;
  if (tryLink(right, wallMs) === undefined) {
    const other = readLock(right);
    if (other !== undefined && isAbandoned(right, other, wallMs)) bury(right, other, wallMs);
    return;
  }
  try {
    if (readLock(path) === holder) unlinkSync(path);
  } finally {
    unlinkSync(right);
  }
}

function isAbandoned(path: string, text: string, wallMs: number): boolean {
  const holder = parse(text);
  if (holder === undefined || holder.place !== self().place) return isOld(path, wallMs);
  const start = startOf(holder.pid);
  return start === "hidden" ? false : start !== holder.start;
}

function isOld(path: string, wallMs: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && wallMs - stats.mtimeMs > FOREIGN_ABANDONED_MS;
}

let known: Omit<Holder, "nonce"> | undefined;
let holdings = 0;

function self(): Omit<Holder, "nonce"> {
  known ??= { pid: process.pid, start: startOf(process.pid), place: place() };
  return known;
}

/** Process ids mean something only within one pid namespace of one boot of one machine. */
function place(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot}/${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    // Not Linux, or /proc is hidden: then only age tells, see isAbandoned.
    return `${hostname()}/no-proc/${process.pid}`;
  }
}

/** When a process was started, in the kernel's ticks; "dead", also as a zombie; "hidden" when it lives but cannot be read. */
function startOf(pid: number): string {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return exists(pid) ? "hidden" : "dead";
  }
  // The second field is the command in parentheses and may hold anything; state is field 3, starttime 22 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? "dead" : (fields[19] ?? "hidden");
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function print(holder: Holder): string {
  return [holder.pid, holder.start, holder.nonce, holder.place].join(" ");
}

function parse(text: string): Holder | undefined {
  const match = /^(\d+) (\S+) ([0-9a-z-]+) (.+)$/.exec(text);
  if (match === null) return undefined;
  const [, pid, start = "", nonce = "", where = ""] = match;
  return { pid: Number(pid), start, nonce, place: where };
}
