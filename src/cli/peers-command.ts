import type { Signals } from "../lib/process-signals.ts";
import { type Actions, dispatchTo } from "./dispatch.ts";

const ACTIONS: Actions = {
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
export function peersCommand(argv: readonly string[], signals: Signals): Promise<number> {
  const unknown = (name: string) => `there is no action "${name}" of peers`;
  return dispatchTo(ACTIONS, { unknown, command: "confd-haproxy peers", overview }, argv, signals);
}

function overview(list: string): string {
  return `Usage: confd-haproxy peers <action> [options]

Looks at, and moves, the one writer that several HAProxies share by a stick table and a peers section.

Actions:
${list}

confd-haproxy peers <action> --help shows the options of an action.
`;
}
