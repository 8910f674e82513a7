import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { haproxyHead, startHaproxy } from "../../test/support/haproxy.ts";
import { serverStats } from "../../test/support/haproxy-stat.ts";
import { type Launched, launch } from "../../test/support/launch.ts";
import { askOnce, CLIENT_CORE, type Contestant, pin } from "./agent-contestants.ts";
import { cpuSeconds } from "./cpu.ts";

/** What came of one turn at the greatest load. */
export interface LoadTurn {
  /** Answers per second. */
  readonly rate: number;
  /** Of who answered, per answer, µs. */
  readonly cpuUs: number;
  /** How much of its core who answered used: below 1 something else was the limit. */
  readonly busy: number;
}

/**
 * So many servers of HAProxy ask so often: 40,000 times a second if they could. HAProxy gives a connection no more time
 * than agent-inter, so that it must not be much shorter.
 */
const ASKING = { servers: 1_000, interMs: 25 };
/** Of their last answers: on a busy machine HAProxy gives up on many of them, which the port answers all the same. */
const LEAST_OK = 0.5;
const WARM_UP_MS = 300;
const TURN_MS = 1_500;

/** Has a real HAProxy ask as fast as it can: it needs less CPU for a question than Node for an answer. */
export async function loadTurn(contestant: Contestant): Promise<LoadTurn> {
  const { pid, counts } = contestant;
  const haproxy = await startHaproxy({ config: (place) => `${haproxyHead(place)}${backendOf(contestant)}` });
  pin(haproxy.pid, CLIENT_CORE);
  await sleep(WARM_UP_MS);
  const before = { ...(await counts()), cpu: cpuSeconds(pid), atMs: performance.now() };
  await sleep(TURN_MS);
  const answers = (await counts()).answered - before.answered;
  const cpu = cpuSeconds(pid) - before.cpu;
  const seconds = (performance.now() - before.atMs) / 1_000;
  const rows = [...(await serverStats(haproxy, "b")).values()];
  const bad = rows.flatMap(({ agent_status: status = "" }) => (status.endsWith("L7OK") ? [] : status));
  if (bad.length > (1 - LEAST_OK) * ASKING.servers)
    throw new Error(`HAProxy has ${bad.length} without an answer: ${bad[0]}`);
  await haproxy.stop();
  return { rate: answers / seconds, cpuUs: (1e6 * cpu) / answers, busy: cpu / seconds };
}

/** Asks one question after the other for so long, with pauses; ms from the first moment to the end of each line. */
export async function askInTurn(contestant: Contestant, forMs: number, pauseMs = 0): Promise<readonly number[]> {
  const samples: number[] = [];
  const endsMs = performance.now() + forMs;
  while (performance.now() < endsMs) {
    const { bytes, lineMs, trouble } = await askOnce(contestant);
    if (bytes !== "up\n" || lineMs === undefined) throw new Error(`${contestant.name}: "${bytes}" ${trouble ?? ""}`);
    samples.push(lineMs);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  return samples;
}

/** Starts clients that say nothing and do not go by themselves. */
export function startSilent({ to }: Contestant, clients: number, staysMs: number): Launched {
  const script = join(import.meta.dirname, "agent-silent.mjs");
  const silent = launch(process.execPath, [script, to.host, `${to.port}`, `${clients}`, `${staysMs}`], {
    endWith: "SIGKILL",
  });
  pin(silent.pid, CLIENT_CORE);
  return silent;
}

function backendOf({ to, words }: Contestant): string {
  const send = words === "" ? "" : ` agent-send "${words.replace("\n", "\\n")}"`;
  const asks = `weight 100 agent-check agent-addr ${to.host} agent-port ${to.port} agent-inter ${ASKING.interMs}ms${send}`;
  const servers = Array.from({ length: ASKING.servers }, (_, i) => `    server s${i} ${to.host}:${to.port} ${asks}`);
  return `    timeout check 5s\nbackend b\n${servers.join("\n")}\n`;
}
