#!/usr/bin/env node
import { AppError } from "../core/errors.ts";
import { VERSION } from "../core/version.ts";
import { nearest } from "../lib/nearest.ts";
import type { Signals } from "../lib/process-signals.ts";
import { runProcess } from "./run.ts";

type Command = (argv: readonly string[], signals: Signals) => Promise<number>;

/** Loaded when asked for: `render` does not pay for what `checkers` needs. */
const COMMANDS: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>> = {
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
  const [name = "", ...rest] = argv;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return (await command.load())(rest, signals);
  if (["version", "-v", "--version", "-version"].includes(name)) {
    process.stdout.write(`confd-haproxy ${VERSION}\n`);
    return 0;
  }
  if (["", "help", "-h", "--help", "-help"].includes(name)) {
    process.stdout.write(overview());
    return name === "" ? 2 : 0;
  }
  const close = nearest(name, Object.keys(COMMANDS));
  throw new AppError("E_USAGE", `there is no command "${name}"`, {
    hint: close === undefined ? "see confd-haproxy --help" : `did you mean ${close}?`,
  });
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return `Usage: confd-haproxy <command> [options]

Keeps HAProxy pointed at the servers that may take traffic.

Commands:
${lines.join("\n")}

confd-haproxy <command> --help shows the options of a command.
`;
}
