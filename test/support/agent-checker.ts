import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Verdict } from "../../src/core/verdict.ts";
import { isAsking } from "./agent-servers.ts";
import { eventually } from "./eventually.ts";
import { type Haproxy, haproxyHead, startHaproxy } from "./haproxy.ts";
import { type StatRow, serverStat } from "./haproxy-stat.ts";
import type { Launched } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { type Finished, folderWith, runProgram, startProgram, untilLogged } from "./program.ts";

/** A real checker with an agent port, whose verdicts the test decides, and a real HAProxy that asks it. */
export interface AgentChecker {
  readonly haproxy: Haproxy;
  /** Where HAProxy takes connections for the servers. */
  readonly frontend: { readonly host: string; readonly port: number };
  /** Of the checker that was started last. */
  readonly program: Launched;
  /** What each probe finds from now on, and how long it takes for it; `hang` never answers. */
  decide(verdict: Verdict | "hang", afterMs?: number): void;
  /** Ends the checker by SIGTERM, and starts it again with these arguments besides. */
  restart(...args: readonly string[]): Promise<void>;
  /** `confd-haproxy agent …` on this machine's orders. */
  agent(...words: readonly string[]): Promise<Finished>;
  /** Waits until the server's line in `show stat` has this in it, and no question is under way. */
  until(expected: Readonly<Record<string, string>>, server?: string): Promise<StatRow>;
}

/** How it is set up. */
export interface AgentCheckerOptions {
  /** More arguments for the checker. */
  readonly args?: readonly string[];
  /** The first verdict. */
  readonly verdict: Verdict | "hang";
  /** How often HAProxy asks. */
  readonly agentInter?: string;
  /** How long HAProxy waits for an answer; longer than any busy machine takes, by default. */
  readonly checkTimeout?: string;
  /** What is checked; one server by default. */
  readonly checked?: string;
  /** The servers of HAProxy's only backend `b`, where `AGENT` stands for the agent-check; one server `s` by default. */
  readonly servers?: string;
}

/** Reads its verdict out of a file at each question. */
const PLUGIN = `import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export const checker = {
  kind: "decided",
  summary: "whatever the test decides",
  proxyportOffset: 1,
  options: [
    { name: "server", type: "targets", required: true, description: "servers" },
    { name: "decision", type: "string", required: true, description: "file" },
  ],
  create: ({ server, decision }) => ({
    discover: async () => server,
    open: () => ({
      async check({ signal }) {
        const { verdict, afterMs } = JSON.parse(readFileSync(decision, "utf8"));
        if (afterMs > 0) await sleep(afterMs, undefined, { signal });
        return verdict;
      },
      async close() {},
    }),
    async close() {},
  }),
};
`;

const FOREVER_MS = 3_600_000;
const AGENT_PORT = 21_999;
const FRONTEND_PORT = 21_100;

/** Starts both; they end with the test. */
export async function startAgentChecker(options: AgentCheckerOptions): Promise<AgentChecker> {
  const host = `${await loopbackPrefix()}.1`;
  const dir = folderWith({ "decided.mjs": PLUGIN });
  const file = join(dir, "decision.json");
  const state = ["--state-dir", join(dir, "state")];
  const decide = (verdict: Verdict | "hang", afterMs = 0) => {
    writeFileSync(`${file}.new`, JSON.stringify(verdict === "hang" ? { afterMs: FOREVER_MS } : { verdict, afterMs }));
    renameSync(`${file}.new`, file);
  };
  const start = (args: readonly string[]) =>
    startProgram("checkers", [
      ...[
        "decided",
        "--plugin",
        join(dir, "decided.mjs"),
        "--decision",
        file,
        "--tag",
        "db",
        "--server",
        options.checked ?? "10.0.0.5:3306",
      ],
      ...["--agent-port", `${AGENT_PORT}`, "--agent-bind", host, ...state, "--interval", "50ms", ...args],
    ]);
  decide(options.verdict);
  let program = start(options.args ?? []);
  const agentCheck = `agent-check agent-addr ${host} agent-port ${AGENT_PORT} agent-inter ${options.agentInter ?? "100ms"}`;
  const servers = (options.servers ?? `server s ${host}:1 weight 100 AGENT`).replaceAll("AGENT", agentCheck);
  const haproxy = await startHaproxy({
    config: (place) => `${haproxyHead(place)}    timeout check ${options.checkTimeout ?? "10s"}
listen b
    bind ${host}:${FRONTEND_PORT}
    balance roundrobin
    ${servers.split("\n").join("\n    ")}
`,
  });
  return {
    haproxy,
    frontend: { host, port: FRONTEND_PORT },
    get program() {
      return program;
    },
    decide,
    async restart(...args) {
      await program.stop();
      program = start(args);
      await untilLogged(program, /decided db: checking/);
    },
    agent: (...words) => runProgram("confd-haproxy", ["agent", ...words, ...state]),
    until: (expected, server = "s") =>
      eventually(`b/${server} has ${JSON.stringify(expected)}`, async () => {
        const row = await serverStat(haproxy, "b", server);
        const differs = Object.entries(expected).filter(([column, value]) => row[column] !== value);
        return !isAsking(row) && differs.length === 0 && row;
      }),
  };
}
