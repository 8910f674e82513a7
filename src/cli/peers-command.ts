import { AppError } from "../core/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Signals } from "../lib/process-signals.ts";

type Action = (argv: readonly string[], signals: Signals) => Promise<number>;

const ACTIONS: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Action> }>> = {
  status: {
    summary: "ask every HAProxy which server it has as the writer, and whether they agree",
    load: async () => (await import("./peers-status.ts")).peersStatus,
  },
  switch: {
    summary: "make another server the writer in all of them",
    load: async () => (await import("./peers-switch.ts")).peersSwitch,
  },
};

/** `confd-haproxy peers …`: hands its words to the action; resolves to the exit code. Throws E_USAGE. */
export async function peersCommand(argv: readonly string[], signals: Signals): Promise<number> {
  const [name = "", ...rest] = argv;
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action !== undefined) return (await action.load())(rest, signals);
  if (["", "help", "-h", "--help", "-help"].includes(name)) {
    process.stdout.write(overview());
    return name === "" ? 2 : 0;
  }
  const close = nearest(name, Object.keys(ACTIONS));
  throw new AppError("E_USAGE", `there is no action "${name}" of peers`, {
    hint: close === undefined ? "see confd-haproxy peers --help" : `did you mean ${close}?`,
  });
}

function overview(): string {
  const lines = Object.entries(ACTIONS).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return `Usage: confd-haproxy peers <action> [options]

Looks at, and moves, the one writer that several HAProxies share by a stick table and a peers section.

Actions:
${lines.join("\n")}

confd-haproxy peers <action> --help shows the options of an action.
`;
}
