import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createGroupRun, KEY } from "./group-run.ts";
import type { Behaviour } from "./scripted.ts";

/** Random faults against lists, last resorts and removal; beside them an oracle of what the servers said. */

const REPLICAS = [1, 2, 3];
const MASTER = 9;
const FALL = 2;
const RISE = 2;

const step = fc.record({
  port: fc.constantFrom(...REPLICAS, MASTER),
  as: fc.constantFrom<Behaviour>("up", "up", "down", "unknown", "drain"),
  lost: fc.boolean(),
  thenMs: fc.constantFrom(0, 3, 40, 300, 1_000, 2_500),
});
const script = fc.array(step, { maxLength: 25 });
type Script = readonly { port: number; as: Behaviour; lost: boolean; thenMs: number }[];

interface Rules {
  readonly publish: "one" | "all";
  readonly fallback: "keep" | "remove";
  readonly withMaster: boolean;
}

function portsOf(value: string | undefined): number[] {
  if (value === undefined) return [];
  const entry = JSON.parse(value) as { port: number; servers?: { port: number }[] };
  return entry.servers?.map(({ port }) => port) ?? [entry.port];
}

async function play(steps: Script, { publish, fallback, withMaster }: Rules): Promise<string[]> {
  const ports = withMaster ? [...REPLICAS, MASTER] : REPLICAS;
  const run = createGroupRun([...ports], { publish, fallback, thresholds: { rise: RISE, fall: FALL } });
  run.checker.lastResorts.add(MASTER);
  const answers = new Map<number, string[]>();
  const wrong: string[] = [];
  run.checker.onAnswer = ({ port, state }) => void answers.set(port, [...(answers.get(port) ?? []), state]);
  const last = (port: number) => answers.get(port)?.at(-1);
  const told = (port: number, count: number) =>
    (answers.get(port) ?? []).filter((state) => state !== "unknown").slice(-count);
  const failed = (port: number) => hasFailed(told(port, Number.POSITIVE_INFINITY));
  const provenUp = (port: number) => {
    const states = told(port, RISE);
    return states.length === RISE && states.every((state) => state === "up");
  };
  const judgeNew = (port: number) => {
    if (last(port) !== "up") wrong.push(`published ${port}, which last said ${last(port)}`);
  };
  const judgeGone = (port: number, now: readonly number[]) => {
    const leavesLastResort = port === MASTER && now.some((one) => one !== MASTER && provenUp(one));
    if (!failed(port) && !leavesLastResort) wrong.push(`took ${port} away, which had not failed`);
  };
  run.store.onWrite = (value, before) => {
    const [now, old] = [portsOf(value), portsOf(before)];
    if (value === before) wrong.push("wrote what was there");
    for (const port of now.filter((one) => !old.includes(one))) judgeNew(port);
    for (const port of old.filter((one) => !now.includes(one))) judgeGone(port, now);
    if (now.length > 1 && (publish === "one" || now.includes(MASTER))) wrong.push(`published ${now.join()}`);
  };
  run.store.onDelete = () => {
    for (const port of ports) if (!failed(port)) wrong.push(`removed the entry though ${port} had not failed`);
  };
  await run.start();
  for (const { port, as, lost, thenMs } of steps) {
    run.checker.behaviour.set(port, as);
    if (lost) run.checker.lose(port);
    await run.clock.advance(thenMs);
  }
  await run.clock.advance(10_000);
  wrong.push(...endsWrong(portsOf(run.store.values.get(KEY)?.value), run.checker.behaviour, { publish, withMaster }));
  await run.stop();
  return wrong;
}

/** Bad `FALL` times in a row, not good `RISE` times in a row since, and not good at last. */
function hasFailed(states: readonly string[]): boolean {
  let [isDown, bad, good] = [false, 0, 0];
  for (const state of states) {
    [bad, good] = state === "up" ? [0, good + 1] : [bad + 1, 0];
    if (bad >= FALL) isDown = true;
    if (good >= RISE) isDown = false;
  }
  return isDown && good === 0;
}

/** After some quiet seconds: every replica that is up is in a list, one of them is published alone, else the master. */
function endsWrong(
  published: readonly number[],
  behaviour: ReadonlyMap<number, Behaviour>,
  { publish, withMaster }: Pick<Rules, "publish" | "withMaster">,
): string[] {
  const at = (port: number) => behaviour.get(port) ?? "up";
  // Of whom it cannot be told what he is, nothing can be expected.
  if ([...REPLICAS, MASTER].some((port) => at(port) === "unknown")) return [];
  const up = REPLICAS.filter((port) => at(port) === "up");
  const wanted = up.length > 0 ? up : withMaster && at(MASTER) === "up" ? [MASTER] : undefined;
  if (wanted === undefined) return [];
  const right =
    publish === "all"
      ? [...published].sort().join() === wanted.join()
      : published.length === 1 && wanted.includes(published[0] ?? 0);
  return right ? [] : [`ended with ${published.join()} while ${wanted.join()} should be published`];
}

describe.each<Rules>([
  { publish: "one", fallback: "keep", withMaster: true },
  { publish: "one", fallback: "remove", withMaster: false },
  { publish: "all", fallback: "keep", withMaster: true },
  { publish: "all", fallback: "remove", withMaster: false },
])("under random faults with %o", (rules) => {
  test("nobody is published unseen, taken away without having failed, or left out in the end", async () => {
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        expect(await play(steps, rules)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
