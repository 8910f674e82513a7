import type { CheckersWorld } from "../app/checkers.ts";
import { describeResult, isGood, runCheckersOnce } from "../app/checkers-once.ts";
import type { CheckersPlan } from "../app/checkers-plan.ts";

/**
 * One round, printed; resolves to the exit code. What went wrong in one tag of many is a line of its own; alone it is
 * thrown, so that its exit code and its advice are those of the error.
 */
export async function printOnce(
  plan: CheckersPlan,
  { world, alone }: { readonly world: CheckersWorld; readonly alone: boolean },
): Promise<number> {
  const results = await runCheckersOnce(plan, world);
  const [first] = results;
  if (alone && first !== undefined && "failure" in first.outcome) throw first.outcome.failure;
  const good = results.filter(isGood).length;
  const sum = alone ? "" : `${good} of ${results.length} tags are good\n`;
  process.stdout.write(`${results.map(describeResult).join("")}${sum}`);
  return good === results.length ? 0 : 1;
}
