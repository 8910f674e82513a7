import { writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { type Launched, launch } from "./launch.ts";
import { currentScope } from "./releases.ts";
import { untilReady } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

/** Where one HAProxy has its files. */
export interface HaproxyPlace {
  readonly dir: string;
  readonly configPath: string;
  /** The stats socket, level admin. The configuration must bind it; {@link haproxyHead} does. */
  readonly socket: string;
  /** The master's socket (`-S`); nobody listens there without `masterWorker`. */
  readonly masterSocket: string;
}

/** What to start. */
export interface HaproxyOptions {
  /** The whole configuration, or how to write it for this place. Without it the file at `configPath` is used. */
  readonly config?: string | ((place: HaproxyPlace) => string);
  /** An existing place, see {@link haproxyPlace}; a new one by default. */
  readonly place?: HaproxyPlace;
  /** `-W -S`: a master that reloads by command. */
  readonly masterWorker?: boolean;
  /** The machine's own by default; see `haproxy-3.ts`. */
  readonly binary?: string;
  /** What its file takes from the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** More of its command line, `-L NAME` for example. */
  readonly args?: readonly string[];
}

/** A running HAProxy. */
export interface Haproxy extends HaproxyPlace {
  /** Of the process that was started last; with `masterWorker` the master. */
  readonly pid: number;
  readonly running: boolean;
  /** All that was written to stderr by the process that was started last. */
  stderr(): string;
  /** A runtime command to the worker, and its answer. */
  cli(command: string): Promise<string>;
  /** Writes a new configuration; nothing happens until {@link Haproxy.reload}. */
  writeConfig(config: string): void;
  /** Reloads without a break. False when HAProxy refused the new configuration and went on with the old one. */
  reload(): Promise<boolean>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Ends it if it runs, and starts it anew from the same file. */
  restart(): Promise<void>;
}

const CLI_TIMEOUT_MS = 5_000;

/** A new folder with names for the files of one HAProxy, for tests that let the program under test write the file. */
export function haproxyPlace(dir: string = tempDir("haproxy")): HaproxyPlace {
  return {
    dir,
    configPath: join(dir, "haproxy.cfg"),
    socket: join(dir, "haproxy.sock"),
    masterSocket: join(dir, "master.sock"),
  };
}

/** `global` and `defaults` (mode tcp, short timeouts) for a test's configuration. */
export function haproxyHead(place: HaproxyPlace): string {
  return `global
    stats socket ${place.socket} mode 600 level admin expose-fd listeners
    nbthread 1
    hard-stop-after 5s
defaults
    mode tcp
    timeout connect 500ms
    timeout client 10s
    timeout server 10s
`;
}

/** Starts a real HAProxy and returns when it answers on its socket, and its master on its own. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const place = options.place ?? haproxyPlace();
  const writeConfig = (config: string) => writeFileSync(place.configPath, config);
  if (options.config !== undefined) {
    writeConfig(typeof options.config === "string" ? options.config : options.config(place));
  }
  const masterWorker = options.masterWorker === true;
  const binary = options.binary ?? "haproxy";
  const program = { binary, env: options.env ?? {}, args: options.args ?? [] };
  const within = currentScope();
  const start = () => startAndWait(place, masterWorker, program);
  let launched = await start();
  return {
    ...place,
    get pid() {
      return launched.pid;
    },
    get running() {
      return launched.running;
    },
    stderr: () => launched.stderr(),
    cli: (command) => cli(place.socket, command),
    writeConfig,
    async reload() {
      if (masterWorker) return reloadMaster(place.masterSocket);
      const next = await takeOver(place, launched, program);
      launched = next ?? launched;
      return next !== undefined;
    },
    stop: async () => void (await launched.stop()),
    kill: async () => void (await launched.kill()),
    pause: () => launched.pause(),
    resume: () => launched.resume(),
    async restart() {
      await launched.stop();
      // One that serves a whole file goes on after the test that started it again.
      launched = await within(start);
    },
  };
}

/** Sends one line of commands to a runtime socket and returns the answer, without the empty line that ends it. */
export function cli(socket: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    let answer = "";
    connection.setEncoding("utf8");
    connection.setTimeout(CLI_TIMEOUT_MS, () => connection.destroy(new Error(`no answer to "${command}"`)));
    connection.once("error", reject);
    // Half-closed at once: 2.6's master keeps the connection open until the client has said it is done.
    connection.once("connect", () => connection.end(`${command}\n`));
    connection.on("data", (chunk: string) => {
      answer += chunk;
    });
    connection.once("end", () => resolve(answer.replace(/\n+$/, "")));
  });
}

interface Program {
  readonly binary: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function startAndWait(
  place: HaproxyPlace,
  masterWorker: boolean,
  { binary, env, args }: Program,
): Promise<Launched> {
  const master = masterWorker ? ["-W", "-S", `${place.masterSocket},mode,600`] : [];
  const launched = launch(binary, ["-db", ...args, ...master, "-f", place.configPath], { dir: place.dir, env });
  const sockets = masterWorker ? [place.socket, place.masterSocket] : [place.socket];
  await untilReady("haproxy", launched, async () => {
    for (const socket of sockets) await cli(socket, socket === place.masterSocket ? "show proc" : "show info");
    return true;
  });
  return launched;
}

/** Plain mode: a new process takes the listening sockets over from the old one's stats socket. */
async function takeOver(
  place: HaproxyPlace,
  old: Launched,
  { binary, env, args: more }: Program,
): Promise<Launched | undefined> {
  const args = ["-db", ...more, "-f", place.configPath, "-x", place.socket, "-sf", `${old.pid}`];
  const next = launch(binary, args, { dir: place.dir, env });
  const answered = await eventually("the new haproxy answers, or refuses its file", async () => {
    if (!next.running) return "refused";
    return (await cli(place.socket, "show info")).includes(`\nPid: ${next.pid}\n`) && "answers";
  });
  return answered === "answers" ? next : undefined;
}

/** 2.6 answers `reload` with nothing, whatever comes of it: the master's own count of reloads tells. */
async function reloadMaster(masterSocket: string): Promise<boolean> {
  const before = await masterState(masterSocket);
  await cli(masterSocket, "reload");
  const after = await eventually("the master has reloaded", async () => {
    const now = await masterState(masterSocket);
    return now.reloads !== before.reloads && now;
  });
  return after.failed === 0;
}

async function masterState(masterSocket: string): Promise<{ reloads: number; failed: number }> {
  const row = /\bmaster\s+(\d+)(?:\s+\[failed: (\d+)\])?/.exec(await cli(masterSocket, "show proc"));
  if (row === null) throw new Error("the master does not list itself");
  return { reloads: Number(row[1]), failed: Number(row[2] ?? 0) };
}
