import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AgentAnswer, askAgent } from "../../src/agent/ask.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { eventually } from "../../test/support/eventually.ts";
import { findBinary, type Launched, launch } from "../../test/support/launch.ts";
import { startProgram } from "../../test/support/program.ts";
import { tempDir } from "../../test/support/temp-dir.ts";

/** What is asked: nothing is sent to a port of one tag, or the tag's name to one of two. */
export type Asking = "nothing" | "a tag";

/** Who answers the agent-check of HAProxy, alone on core {@link SERVER_CORE}. */
export interface Contestant {
  readonly name: string;
  readonly pid: number;
  readonly to: { readonly host: string; readonly port: number };
  /** To be sent, with its line end; "" for nothing. */
  readonly words: string;
  counts(): Promise<AgentCounts>;
}

/** What a contestant says of itself. */
export interface AgentCounts {
  /** So far. */
  readonly answered: number;
  /** Connections at this moment. */
  readonly open: number;
}

/** Who answers has one core to itself, and who asks the other one: so it is the former that is measured. */
export const SERVER_CORE = 0;
export const CLIENT_CORE = 1;

const PORT = 21_990;
const STATUS_PORT = PORT + 1;
const PATIENCE_MS = 5_000;
const WORDS = { nothing: "", "a tag": "tag1\n" } as const;

/** Starts the built `checkers` with this memcached in each tag, on `prefix`.2. */
export async function startOurs(asking: Asking, prefix: string, memcached: string): Promise<Contestant> {
  const host = `${prefix}.2`;
  const args = asking === "nothing" ? oneTag(host, memcached) : ["--config", configOfTwo(host, memcached)];
  const own = ["--state-dir", tempDir("state"), "--log-level", "warn"];
  const status = ["--status-bind", host, "--status-port", `${STATUS_PORT}`];
  const program = startProgram("checkers", [...args, ...own, ...status]);
  return ready("checkers", asking, { program, host, counts: () => countsInMetrics(host) });
}

/** Starts the floor, on `prefix`.4. */
export async function startAgentFloor(asking: Asking, prefix: string): Promise<Contestant> {
  const host = `${prefix}.4`;
  const script = join(import.meta.dirname, "agent-floor.mjs");
  const when = asking === "nothing" ? "at once" : "line";
  const program = launch(process.execPath, [script, host, `${PORT}`, when]);
  const counts = async () => JSON.parse(await read(`http://${host}:${STATUS_PORT}/`)) as AgentCounts;
  return ready("floor", asking, { program, host, counts });
}

/** From now on a process, with all its threads, has this core only. */
export function pin(pid: number, core: number): void {
  execFileSync(findBinary("taskset"), ["--all-tasks", "--pid", "--cpu-list", `${core}`, `${pid}`]);
}

/** Asks once, as HAProxy does. */
export function askOnce({ to, words }: Contestant): Promise<AgentAnswer> {
  const { signal } = new AbortController();
  return askAgent({ to, send: words, timeoutMs: PATIENCE_MS, clock: systemClock, signal });
}

async function ready(
  name: string,
  asking: Asking,
  { program, host, counts }: { program: Launched; host: string; counts: Contestant["counts"] },
): Promise<Contestant> {
  const contestant = { name, pid: program.pid, to: { host, port: PORT }, words: WORDS[asking], counts };
  await eventually(`the ${name} answers that it is up`, async () => (await askOnce(contestant)).bytes === "up\n");
  // what tells is loaded by the first question for it
  await counts();
  pin(program.pid, SERVER_CORE);
  return contestant;
}

function oneTag(host: string, memcached: string): readonly string[] {
  const agent = ["--agent-bind", host, "--agent-port", `${PORT}`];
  return ["memcached", "--tag", "tag1", "--server", memcached, ...agent];
}

function configOfTwo(host: string, memcached: string): string {
  const file = join(tempDir("bench"), "checkers.toml");
  const tags = ["tag1", "tag2"].map(
    (tag) => `[[checker]]\nkind = "memcached"\ntag = "${tag}"\nserver = ["${memcached}"]\n`,
  );
  writeFileSync(file, `[agent]\nport = ${PORT}\nbind = "${host}"\n\n${tags.join("\n")}`);
  return file;
}

async function countsInMetrics(host: string): Promise<AgentCounts> {
  const text = await read(`http://${host}:${STATUS_PORT}/metrics`);
  const count = (name: string) => Number(new RegExp(`^confd_haproxy_agent_${name} (\\d+)`, "m").exec(text)?.[1]);
  return { answered: count("answers_total"), open: count("connections") };
}

async function read(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.text();
}
