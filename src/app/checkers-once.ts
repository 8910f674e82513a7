import { checkOnce, type OnceResult } from "../check/once.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Store } from "../core/store.ts";
import type { CheckersWorld } from "./checkers.ts";
import type { CheckersPlan, PlannedGroup } from "./checkers-plan.ts";
import { openCheckersStore } from "./checkers-store.ts";

/** What became of one tag in a single round. */
export interface TagResult {
  readonly kind: string;
  readonly tag: string;
  readonly outcome: OnceResult | { readonly failure: unknown };
}

/** One round of all tags at once, for cron and scripts. What fails in one tag is in its result. Throws E_CONFIG. */
export async function runCheckersOnce(plan: CheckersPlan, world: CheckersWorld): Promise<readonly TagResult[]> {
  for (const warning of plan.warnings) world.logger.warn(warning);
  const store = await openCheckersStore(plan, world);
  try {
    const results = await Promise.all(plan.groups.map((group) => once(group, store, world)));
    return isNamed(plan) ? results : results.map(adviseToNameStore);
  } finally {
    await store?.close();
  }
}

async function once(
  { checker, options }: PlannedGroup,
  store: Store | undefined,
  { clock, logger, stop }: CheckersWorld,
): Promise<TagResult> {
  const name = { kind: checker.kind, tag: options.tag };
  const stored = store === undefined ? {} : { store };
  try {
    return { ...name, outcome: await checkOnce(options, { checker, ...stored, clock, logger, signal: stop }) };
  } catch (failure) {
    return { ...name, outcome: { failure } };
  }
}

function isNamed({ values }: CheckersPlan): boolean {
  return values["store"] !== undefined || values["consul"] !== undefined;
}

/** Whoever only wants to know whether a server is up is told how, instead of how to mend a Consul that is not there. */
function adviseToNameStore(result: TagResult): TagResult {
  const failure = "failure" in result.outcome ? result.outcome.failure : undefined;
  if (!(failure instanceof AppError) || failure.code !== "E_STORE_UNREACHABLE") return result;
  const { code, message, cause } = failure;
  return { ...result, outcome: { failure: new AppError(code, message, { cause, hint: NO_STORE_NAMED }) } };
}

const NO_STORE_NAMED =
  "no store is named, so it is Consul on this machine; --store none only checks the servers, --consul or --store name another";

/** Whether the published server is a good one. */
export function isGood({ outcome }: TagResult): boolean {
  return "good" in outcome && outcome.good;
}

/** For a person: the tag and what was decided, and a line for each of its servers. */
export function describeResult({ kind, tag, outcome }: TagResult): string {
  const who = `${kind} ${tag}`;
  if ("failure" in outcome) return `${who}: ${errorText(outcome.failure)}\n`;
  const conclusion = outcome.conclusion || `${outcome.published ?? "nothing"} is published`;
  const width = Math.max(0, ...outcome.servers.map(({ name }) => name.length));
  const servers = outcome.servers.map(
    ({ name, health, reason }) => `  ${name.padEnd(width)}  ${health.padEnd(6)}  ${reason}\n`,
  );
  return `${who}: ${conclusion}\n${servers.join("")}`;
}
