import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { findBinary, type Launched, launch } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { startMemcached } from "./memcached.ts";
import { untilLogged } from "./program.ts";
import type { Server } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

/** The built checkers, with two real servers in the tag `mem1` and an agent port. */
export interface AgentProgram {
  readonly program: Launched;
  readonly to: { readonly host: string; readonly port: number };
  readonly servers: readonly [Server, Server];
  /** What to send to ask for one of them. */
  readonly words: readonly [string, string];
  /** One number of the metrics. */
  metric(name: string): Promise<number>;
}

const PORT = 21_990;
const STATUS_PORT = 21_991;
const CHECKERS = join(import.meta.dirname, "../../dist/checkers.js");

/** What the program has to do with. */
export interface AgentProgramLimits {
  readonly files?: number;
  /** Of the heap: who needs more is ended. */
  readonly heapMiB?: number;
}

/** Starts them; they end with the test. */
export async function startAgentProgram({ files, heapMiB }: AgentProgramLimits = {}): Promise<AgentProgram> {
  const prefix = await loopbackPrefix();
  const to = { host: `${prefix}.2`, port: PORT };
  const servers = [
    await startMemcached({ address: `${prefix}.3` }),
    await startMemcached({ address: `${prefix}.4` }),
  ] as const;
  const [command = "", ...args] = [
    ...(files === undefined ? [] : [findBinary("prlimit"), `--nofile=${files}:${files}`]),
    process.execPath,
    ...(heapMiB === undefined ? [] : [`--max-old-space-size=${heapMiB}`]),
    CHECKERS,
    ...["memcached", "--tag", "mem1", "--server", servers.map(({ server }) => server).join(",")],
    ...["--agent-port", `${to.port}`, "--agent-bind", to.host, "--status-port", `${STATUS_PORT}`],
    ...["--status-bind", to.host, "--store", "none", "--interval", "100ms", "--state-dir", tempDir("state")],
  ];
  const program = launch(command, args);
  await untilLogged(program, /mem1: checking/);
  return {
    program,
    to,
    servers,
    words: [`memcached/mem1/${servers[0].server}\n`, `memcached/mem1/${servers[1].server}\n`],
    async metric(name) {
      const answer = await fetch(`http://${to.host}:${STATUS_PORT}/metrics`, { headers: { connection: "close" } });
      const value = new RegExp(`^${name} (\\d+)`, "m").exec(await answer.text())?.[1];
      if (value === undefined) throw new Error(`there is no ${name}`);
      return Number(value);
    },
  };
}

/** How many files a process has open. */
export function openFilesOf({ pid }: Launched): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** How much memory a process has in use, MiB. */
export function memoryMiB({ pid }: Launched): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1_024;
}

/** From now on a process may have no more files open than this; what it has open stays so. */
export function allowFiles({ pid }: Launched, most: number): void {
  execFileSync(findBinary("prlimit"), ["--pid", `${pid}`, `--nofile=${most}:`]);
}

/** The largest number of files that a process may be allowed. */
export function mostFiles({ pid }: Launched): number {
  return Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1]);
}

/** Waits until the port answers this. */
export async function untilAnswered(ask: () => Promise<string>, expected: string | RegExp): Promise<void> {
  await eventually(`the answer is ${expected}`, async () => {
    const answer = await ask();
    return typeof expected === "string" ? answer === expected : expected.test(answer);
  });
}
