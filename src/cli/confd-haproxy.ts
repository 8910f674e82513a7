#!/usr/bin/env node
import { VERSION } from "../core/version.ts";
import type { Signals } from "../lib/process-signals.ts";
import { type Actions, dispatchTo } from "./dispatch.ts";
import { runProcess } from "./run.ts";

const COMMANDS: Actions = {
  render: {
    summary: "render templates from the store, check them, swap them in, apply them",
    load: async () => (await import("./render-command.ts")).renderCommand,
  },
  checkers: {
    summary: "probe servers and publish the one that may take traffic",
    load: async () => (await import("./checkers-command.ts")).checkersCommand,
  },
  agent: {
    summary:
      "ask an agent port for its answer, or take servers out of use by hand: ask, maint, drain, ready, recover, list",
    load: async () => (await import("./agent-command.ts")).agentCommand,
  },
  peers: {
    summary: "several HAProxies with one writer: whether they agree (status), and another writer for all (switch)",
    load: async () => (await import("./peers-command.ts")).peersCommand,
  },
  kv: {
    summary: "look at and change what is in the store: get, put, ls, rm, dump",
    load: async () => (await import("./kv-command.ts")).kvCommand,
  },
};

void runProcess(dispatch);

async function dispatch(argv: readonly string[], signals: Signals): Promise<number> {
  if (["version", "-v", "--version", "-version"].includes(argv[0] ?? "")) {
    process.stdout.write(`confd-haproxy ${VERSION}\n`);
    return 0;
  }
  const unknown = (name: string) => `there is no command "${name}"`;
  return dispatchTo(COMMANDS, { unknown, command: "confd-haproxy", overview }, argv, signals);
}

function overview(list: string): string {
  return `Usage: confd-haproxy <command> [options]

Keeps HAProxy pointed at the servers that may take traffic.

Commands:
${list}

confd-haproxy <command> --help shows the options of a command.
`;
}
