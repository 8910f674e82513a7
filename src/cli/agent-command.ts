import type { Signals } from "../lib/process-signals.ts";
import { type Action, type Actions, dispatchTo } from "./dispatch.ts";

const orders =
  (action: "maint" | "drain" | "ready" | "recover" | "list"): (() => Promise<Action>) =>
  async () => {
    const { agentOrders } = await import("./agent-orders.ts");
    return (argv, signals) => agentOrders(action, argv, signals);
  };

const ACTIONS: Actions = {
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
export function agentCommand(argv: readonly string[], signals: Signals): Promise<number> {
  const unknown = (name: string) => `there is no action "${name}" of agent`;
  return dispatchTo(ACTIONS, { unknown, command: "confd-haproxy agent", overview }, argv, signals);
}

function overview(list: string): string {
  return `Usage: confd-haproxy agent <action> [options]

Asks the agent port of a checker (--agent-port) for its answer, and takes servers out of use and back by hand.

Actions:
${list}

confd-haproxy agent <action> --help shows the options of an action.
`;
}
