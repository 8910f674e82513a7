import { readdir, readFile } from "node:fs/promises";
import { basename, isAbsolute, join, resolve } from "node:path";
import { AppError } from "../core/errors.ts";
import type { Program } from "../lib/exec.ts";
import { stretchesOf } from "./layout.ts";
import { type LocalProcess, type ProcessInside, readLocalProcess, readProcessInside } from "./local-process.ts";
import { type HaproxyArgs, readHaproxyArgs } from "./process-args.ts";

/**
 * How the process that answers on a runtime socket was started, made into how its successor is: the same program,
 * words, folder, environment and user; in the background, with the listening sockets of the old one, which ends when
 * its last session does. Throws E_HAPROXY where that cannot be done, or would do harm, with what to do instead.
 */
export async function planSuccessor(pid: number, socketPath: string): Promise<Program> {
  if (pid === 1) throw refuse("it is process 1 of a container, which ends with it", IN_CONTAINER);
  const old = await readLocalProcess(pid);
  // A thread of the kernel has no arguments.
  if (old === undefined || old.argv.length === 0)
    throw refuse(`HAProxy's pid is ${pid}, and there is no such program here`, IN_CONTAINER);
  const inside = await readInside(old);
  const [, ...words] = old.argv;
  const args = readHaproxyArgs(words);
  await rejectIfNotOurs(old, inside, socketPath);
  await rejectIfSupervised(old, args);
  const cwd = startFolder(inside, args);
  return {
    file: inside.program,
    args: [...args.lasting, "-D", "-x", socketPath, "-sf", `${pid}`, ...args.behindDashes],
    cwd,
    env: inside.env,
    ...(await successorUser(old, args, cwd)),
  };
}

const ELSE = 'set reload_cmd, or master_socket if HAProxy runs with "-W" or "-Ws"';

const IN_CONTAINER = `HAProxy runs in a container, or on another machine, and its pid means nothing here: ${ELSE}`;

function refuse(message: string, hint: string, cause?: unknown): AppError {
  return new AppError("E_HAPROXY", `HAProxy cannot be reloaded by a new process: ${message}`, { hint, cause });
}

async function readInside(old: LocalProcess): Promise<ProcessInside> {
  try {
    return await readProcessInside(old.pid);
  } catch (error) {
    const who = process.geteuid?.() ?? -1;
    const message = `how process ${old.pid} of user ${old.uid} was started may not be read by user ${who}`;
    // A process that has given up root's rights is closed to all but root, whoever it is now.
    throw refuse(
      message,
      `run this as root, or as the user who started HAProxy; if it runs in a container, ${ELSE}`,
      error,
    );
  }
}

async function rejectIfNotOurs(old: LocalProcess, inside: ProcessInside, socketPath: string): Promise<void> {
  const self = await readProcessInside(process.pid);
  const isSameWorld = inside.namespaces.every((name, at) => name === self.namespaces[at]);
  // By its name only: /var/run and /run are the same folder.
  const name = basename(socketPath);
  const isListening = inside.listensOn.some((path) => basename(path) === name || basename(path).startsWith(`${name}.`));
  if (!isSameWorld || !isListening) {
    throw refuse(`process ${old.pid} of this machine is not the one that listens on ${socketPath}`, IN_CONTAINER);
  }
}

/** Whoever started HAProxy would take its end for a failure, and start another one or end the container. */
async function rejectIfSupervised(old: LocalProcess, args: HaproxyArgs): Promise<void> {
  const parent = await readLocalProcess(old.parentPid);
  const isWorker = parent !== undefined && parent.argv.join("\0") === old.argv.join("\0");
  if (args.isMasterWorker || isWorker) {
    throw refuse(`process ${old.pid} is the worker of a master`, "set master_socket to the path behind -S");
  }
  const ours = (await readLocalProcess(process.pid))?.controlGroup;
  if (!areSeparateUnits(old.controlGroup, ours)) return;
  const units = `it runs in ${old.controlGroup ?? "no unit"}, this program in ${ours ?? "no unit"}`;
  throw refuse(`${units}, and systemd ends a unit with its processes`, 'set reload_cmd = "systemctl reload haproxy"');
}

/**
 * Whether a process that one of the two starts belongs to another unit of systemd's than the other's: HAProxy's unit
 * would be over with its old process, and the new one would end with ours.
 */
export function areSeparateUnits(theirs: string | undefined, ours: string | undefined): boolean {
  return theirs !== ours && [theirs, ours].some((group) => group?.endsWith(".service"));
}

/** With `chroot` the folder it was started in is not known any more. */
function startFolder(inside: ProcessInside, args: HaproxyArgs): string {
  if (inside.root === "/") return inside.cwd;
  const relative = (args.folder === undefined ? args.files : [args.folder]).find((path) => !isAbsolute(path));
  if (relative === undefined) return "/";
  throw refuse(
    `it is in a chroot, and its command line names "${relative}" without the folder`,
    `start HAProxy with absolute paths, or ${ELSE}`,
  );
}

/** Started by root it has become another user by what its file says; else it was started by that user. */
async function successorUser(old: LocalProcess, args: HaproxyArgs, cwd: string): Promise<Pick<Program, "user">> {
  if (process.geteuid?.() !== 0 || old.uid === 0) return {};
  const folder = resolve(cwd, args.folder ?? ".");
  for (const file of args.files) {
    if (await namesUser(resolve(folder, file))) return {};
  }
  return { user: { uid: old.uid, gid: old.gid } };
}

async function namesUser(path: string): Promise<boolean> {
  const text = await readConfigText(path);
  return stretchesOf(text).some(
    ({ keyword, start, end }) => keyword === "global" && /^\s*(user|uid)\s/m.test(text.slice(start, end)),
  );
}

/** A folder stands for the `.cfg` files in it. */
async function readConfigText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EISDIR")) {
      throw refuse(`its file ${path} cannot be read`, `run this as a user who may read it, or ${ELSE}`, error);
    }
    const names = (await readdir(path)).filter((name) => name.endsWith(".cfg") && !name.startsWith("."));
    const texts = await Promise.all(names.sort().map((name) => readFile(join(path, name), "utf8")));
    return texts.join("\n");
  }
}
