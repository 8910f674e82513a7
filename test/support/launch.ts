import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { releaseLater } from "./releases.ts";
import { tempDir } from "./temp-dir.ts";

/** How a process ended: its exit code, or the signal that ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How to start a process. */
export interface LaunchOptions {
  /** The folder it runs in; a new temporary one by default. */
  readonly dir?: string;
  /** On top of this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How it is ended when the test is over: SIGTERM by default, SIGKILL where nothing depends on an orderly end. */
  readonly endWith?: "SIGTERM" | "SIGKILL";
}

/**
 * A real program running in the foreground as a child of the test. It ends with the test at the latest, and
 * with it whatever it left running in its process group.
 */
export interface Launched {
  readonly pid: number;
  readonly dir: string;
  /** Resolves when it has ended and all its output was read. */
  readonly exited: Promise<Exit>;
  readonly running: boolean;
  /** All it wrote so far. */
  stdout(): string;
  stderr(): string;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and after 10 s SIGKILL. Safe when it has ended already. */
  stop(): Promise<Exit>;
  /** SIGKILL: a crash; its ports refuse at once. */
  kill(): Promise<Exit>;
  /** SIGSTOP: a hang; the kernel still accepts connections and nothing answers. */
  pause(): void;
  /** SIGCONT */
  resume(): void;
}

const TERM_TO_KILL_MS = 10_000;

/** Where Debian keeps servers; not in the PATH of a plain user. */
const SERVER_FOLDERS = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) signalGroup(child, "SIGKILL");
});

/** The full path of a program; throws an error that says how to get it. */
export function findBinary(name: string): string {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...SERVER_FOLDERS];
  const candidates = name.includes("/") ? [name] : folders.map((folder) => join(folder, name));
  const found = candidates.find(isExecutable);
  if (found === undefined) throw new Error(`${name} is not installed: run npm test, it installs ${name}`);
  return found;
}

/**
 * Starts a program in the foreground, in its own process group, with its output captured. It is not ready
 * yet: wait for what it serves with `eventually`, and use {@link failIfExited} there.
 */
export function launch(binary: string, args: readonly string[], options: LaunchOptions = {}): Launched {
  const dir = options.dir ?? tempDir();
  // setpriv: should this process be killed, the kernel kills its servers too.
  const child = spawn(findBinary("setpriv"), ["--pdeathsig", "KILL", findBinary(binary), ...args], {
    cwd: dir,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const launched = describe(child, dir);
  releaseLater(binary, async () => {
    await (options.endWith === "SIGKILL" ? launched.kill() : launched.stop());
  });
  return launched;
}

/** Throws what the process wrote when it has ended: no use in waiting for it any longer. */
export async function failIfExited(what: string, launched: Launched): Promise<void> {
  if (launched.running) return;
  const { code, signal } = await launched.exited;
  throw new Error(`${what} ended with ${code ?? signal}: ${launched.stderr() || launched.stdout()}`);
}

function describe(child: ChildProcess, dir: string): Launched {
  const { pid } = child;
  if (pid === undefined) throw new Error("the process could not be started");
  alive.add(child);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const exited = new Promise<Exit>((resolve) => {
    // What it leaves behind in its group would keep its output open, and "close", the last output, from coming.
    child.once("exit", () => signalGroup(child, "SIGKILL"));
    child.once("close", (code, signal) => {
      alive.delete(child);
      resolve({ code, signal });
    });
  });
  const signalAndWait = (name: NodeJS.Signals) => {
    child.kill(name);
    // A stopped process acts on SIGTERM only once it is continued.
    child.kill("SIGCONT");
    return exited;
  };
  return {
    pid,
    dir,
    exited,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    stdout,
    stderr,
    signal: (name) => void child.kill(name),
    async stop() {
      const timer = setTimeout(() => signalGroup(child, "SIGKILL"), TERM_TO_KILL_MS);
      return signalAndWait("SIGTERM").finally(() => clearTimeout(timer));
    },
    kill: () => signalAndWait("SIGKILL"),
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
  };
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = "";
  stream?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    // ESRCH: the group is empty, which is what we want.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
