import { readdir, readFile, readlink } from "node:fs/promises";

/** A process of this machine, as `/proc` (proc(5)) shows it. */
export interface LocalProcess {
  readonly pid: number;
  readonly parentPid: number;
  /** Empty for a thread of the kernel. */
  readonly argv: readonly string[];
  readonly uid: number;
  readonly gid: number;
  /** `/system.slice/haproxy.service`; undefined where there is no control group of version 2. */
  readonly controlGroup: string | undefined;
}

/** What only its own user and root may see of a process. */
export interface ProcessInside {
  /** The file it runs. */
  readonly program: string;
  readonly cwd: string;
  /** `/`, or where it has its root. */
  readonly root: string;
  /** As it was started with. */
  readonly env: Readonly<Record<string, string>>;
  /** Names of its pid and mount namespaces, to be compared with another's. */
  readonly namespaces: readonly string[];
  /** Paths of the unix sockets it listens on, as they were bound: HAProxy binds `PATH.PID.tmp` and renames it. */
  readonly listensOn: readonly string[];
}

/** Undefined when there is no such process, or `/proc` hides it. */
export async function readLocalProcess(pid: number): Promise<LocalProcess | undefined> {
  try {
    const file = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8");
    const [stat, status, cmdline, groups] = await Promise.all(["stat", "status", "cmdline", "cgroup"].map(file));
    // The name in parentheses may hold anything.
    const fields = (stat ?? "").slice((stat ?? "").lastIndexOf(")") + 2).split(" ");
    return {
      pid,
      parentPid: Number(fields[1]),
      argv: nulEnded(cmdline ?? ""),
      uid: Number(/^Uid:\s+(\d+)/m.exec(status ?? "")?.[1]),
      gid: Number(/^Gid:\s+(\d+)/m.exec(status ?? "")?.[1]),
      controlGroup: /^0::(.*)$/m.exec(groups ?? "")?.[1],
    };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Throws what the kernel says (EACCES, EPERM) when we are neither its user nor root. */
export async function readProcessInside(pid: number): Promise<ProcessInside> {
  const link = (name: string) => readlink(`/proc/${pid}/${name}`);
  const [exe = "", cwd = "", root = "", ...namespaces] = await Promise.all(
    ["exe", "cwd", "root", "ns/pid", "ns/mnt"].map(link),
  );
  const environ = await readFile(`/proc/${pid}/environ`, "utf8");
  return {
    // The program was replaced by an update: the new one is meant.
    program: exe.replace(/ \(deleted\)$/, ""),
    cwd,
    root,
    env: Object.fromEntries(nulEnded(environ).flatMap(variable)),
    namespaces,
    listensOn: await unixSocketsOf(pid),
  };
}

/** From `/proc/net/unix`: `Num RefCount Protocol Flags Type St Inode Path`, 01 is a listening socket. */
async function unixSocketsOf(pid: number): Promise<readonly string[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  // A descriptor may be closed between the two.
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
  const rows = (await readFile("/proc/net/unix", "utf8")).split("\n").map((row) => row.trim().split(/\s+/));
  return rows
    .filter(([, , , , , state, inode]) => state === "01" && targets.includes(`socket:[${inode}]`))
    .map((row) => row.slice(7).join(" "));
}

function variable(text: string): [string, string][] {
  const at = text.indexOf("=");
  return at <= 0 ? [] : [[text.slice(0, at), text.slice(at + 1)]];
}

function nulEnded(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\0$/, "").split("\0");
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ESRCH";
}
