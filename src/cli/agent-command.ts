import { AppError } from "../core/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Signals } from "../lib/process-signals.ts";

type Action = (argv: readonly string[], signals: Signals) => Promise<number>;

const orders =
  (action: "maint" | "drain" | "ready" | "recover" | "list"): (() => Promise<Action>) =>
  async () => {
    const { agentOrders } = await import("./agent-orders.ts");
    return (argv, signals) => agentOrders(action, argv, signals);
  };

const ACTIONS: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Action> }>> = {
  ask: {
    summary: "ask an agent as HAProxy does, and explain what HAProxy makes of the answer",
    load: async () => (await import("./agent-ask.ts")).agentAsk,
  },
  maint: { summary: "take servers out of use", load: orders("maint") },
  drain: { summary: "keep new sessions off servers", load: orders("drain") },
  ready: { summary: "take a maint or drain back", load: orders("ready") },
  recover: { summary: "let go of servers that --manual-recovery holds down", load: orders("recover") },
  list: { summary: "list the orders in force", load: orders("list") },
};

/** `confd-haproxy agent …`: hands its words to the action; resolves to the exit code. Throws E_USAGE. */
export async function agentCommand(argv: readonly string[], signals: Signals): Promise<number> {
  const [name = "", ...rest] = argv;
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action !== undefined) return (await action.load())(rest, signals);
  if (["", "help", "-h", "--help", "-help"].includes(name)) {
    process.stdout.write(overview());
    return name === "" ? 2 : 0;
  }
  const close = nearest(name, Object.keys(ACTIONS));
  throw new AppError("E_USAGE", `there is no action "${name}" of agent`, {
    hint: close === undefined ? "see confd-haproxy agent --help" : `did you mean ${close}?`,
  });
}

function overview(): string {
  const lines = Object.entries(ACTIONS).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return `Usage: confd-haproxy agent <action> [options]

Asks the agent port of a checker (--agent-port) for its answer, and takes servers out of use and back by hand.

Actions:
${lines.join("\n")}

confd-haproxy agent <action> --help shows the options of an action.
`;
}
