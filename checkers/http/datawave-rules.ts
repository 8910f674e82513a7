import { parseReply } from "../../src/core/agent-grammar.ts";
import type { VerdictState } from "../../src/core/verdict.ts";
import type { HttpRules } from "./judge.ts";
import { parseStatuses } from "./statuses.ts";
import { parseReductions } from "./weight.ts";

/** What may be set of how DataWave's health page is judged, as the options say it. */
export interface DatawaveSettings {
  readonly on503: string;
  readonly weightBy: string;
}

/** Judges DataWave's health page (its HealthBean). Throws E_USAGE for a `weightBy` that is not understood. */
export function datawaveRules({ on503, weightBy }: DatawaveSettings): HttpRules {
  const codes = (state: string) => parseStatuses(on503 === state ? "503" : "", "--on-503");
  return {
    up: parseStatuses("200-299", "--up"),
    drain: codes("drain"),
    unknown: codes("unknown"),
    statePath: ["Status"],
    stateOf,
    reductions: parseReductions(weightBy, "--weight-by"),
    maxconnPath: undefined,
  };
}

/**
 * DataWave's status is a free text (`PUT …/Health/status`) that its agent sent on to HAProxy: each word means what it
 * meant there, and a text in which HAProxy finds none changed nothing.
 */
function stateOf(status: string): VerdictState {
  const { health, admin } = parseReply(status);
  if (health !== undefined && health !== "up") return "down";
  if (admin === "drain" || admin === "maint") return "drain";
  return health === undefined && admin === undefined ? "unknown" : "up";
}
