import { type AgentBind, parseBinds } from "../agent/binds.ts";
import type { Values } from "../config/resolve.ts";
import { AppError } from "../core/errors.ts";
import type { CheckersPlan } from "./checkers-plan.ts";

/** Where the agent port is served; undefined: nowhere. Throws E_USAGE. */
export function agentBinds(values: Values): readonly AgentBind[] | undefined {
  const { "agent-port": port, "agent-bind": bind } = values;
  return parseBinds(typeof port === "number" ? port : undefined, String(bind ?? ""));
}

/** Throws E_USAGE for a tag whose servers nobody would ever ask. */
export function validateAsking({ groups, values }: CheckersPlan): void {
  const silent = groups.find(({ options }) => options.intervalMs === 0);
  if (silent === undefined || agentBinds(values) !== undefined) return;
  throw new AppError("E_USAGE", `--interval 0 of ${silent.options.tag}: its servers would never be asked`, {
    hint: "they are asked when HAProxy asks the agent: set --agent-port, or an interval",
  });
}
