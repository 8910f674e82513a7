import type { Kinds } from "../app/checkers-kinds.ts";
import { envName, type Flag } from "../config/flag.ts";
import type { Checker } from "../core/checker.ts";
import type { CommandShape } from "./parse.ts";

const EXIT_CODES = `Exit code: 0 done, 1 it failed (with --once: a published server is not up), 2 wrong usage or configuration.`;

/** `checkers --help`. */
export async function overview(kinds: Kinds): Promise<string> {
  const checkers = await Promise.all(kinds.names.map((name) => kinds.load(name)));
  const lines = checkers.map(({ kind, summary }) => `  ${kind.padEnd(14)}publishes ${summary}`);
  return `Usage: checkers <kind> --tag NAME [options]     one group of servers
       checkers --config FILE [options]         any number of them, in one process

Probes the servers of each tag and publishes the one that may take traffic, as haproxy/<kind>/<tag> in the store;
answers HAProxy's agent-check on --agent-port, with or without a store.

Kinds:
${lines.join("\n")}

  --plugin FILE adds a kind of your own.

Examples:
  checkers memcached --tag mem11211 --server 10.0.0.5:11211,10.0.0.6:11211 --consul localhost:8500
  checkers memcached --tag mem11211 --server 10.0.0.5:11211,10.0.0.6:11211 --once --dry-run
  checkers --config /etc/confd-haproxy/checkers.toml

checkers <kind> --help shows the options of a kind, checkers --config --help those of the file.
`;
}

/** `checkers <kind> --help`. */
export function kindShape(checker: Checker, flags: readonly Flag[]): CommandShape {
  const { kind, summary } = checker;
  return {
    name: `checkers ${kind}`,
    summary: `Publishes ${summary}, as haproxy/${kind}/<tag>, and answers HAProxy's agent-check on --agent-port. A daemon; --once for one round.`,
    flags,
    epilog: `${secretsOf(checker)}Every option is also an environment variable (--fall: CONFD_HAPROXY_FALL) and a key of checkers --config.
Flags beat environment beats files. SIGHUP reads the files again.
${EXIT_CODES}`,
  };
}

/** `checkers --config … --help`. */
export function configShape(flags: readonly Flag[]): CommandShape {
  return {
    name: "checkers",
    summary: "Checks and publishes all tags of a file in one process. A daemon; --once for one round.",
    flags,
    epilog: `The file:
  consul = "localhost:8500"                  # options of the store, of logging and of the process come first
  [defaults]                                 # for every checker; options as below, without the dashes
  interval = "1s"
  [[checker]]
  kind = "memcached"                         # checkers memcached --help shows what may stand here
  tag = "mem11211"
  server = ["10.0.0.5:11211", "10.0.0.6:11211"]

An option given here or in the environment beats what the file says, for every tag.
${EXIT_CODES}`,
  };
}

/** What is an option, but never a flag. */
function secretsOf(checker: Checker): string {
  const names = checker.options.filter(({ secret }) => secret).map((option) => envName(option));
  return names.length === 0
    ? ""
    : `Secrets are never flags, because ps would show them: set ${names.join(", ")}, or use --conf.\n`;
}
