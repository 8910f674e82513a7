import { expect, test } from "vitest";
import { createTurns } from "../../../src/lib/turns.ts";

/** Works that end when they are told to. */
function createWorks(turns = createTurns(2)) {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const results: Promise<number>[] = [];
  const begin = (n: number, fails = false) => {
    const work = () =>
      new Promise<number>((resolve, reject) => {
        begun.push(n);
        ends[n] = () => (fails ? reject(new Error(`${n} failed`)) : resolve(n));
      });
    results[n] = turns.take(work);
    results[n].catch(() => {});
  };
  const end = async (n: number) => {
    ends[n]?.();
    await results[n]?.catch(() => {});
  };
  return { begun, results, begin, end };
}

test("only so many run at a time; the others follow in the order in which they came", async () => {
  const { begun, begin, end, results } = createWorks();
  for (let n = 0; n < 5; n++) begin(n);
  expect(begun).toEqual([0, 1]);
  await end(1);
  expect(begun).toEqual([0, 1, 2]);
  await end(0);
  expect(begun).toEqual([0, 1, 2, 3]);
  for (const n of [2, 3, 4]) await end(n);
  expect(await Promise.all(results)).toEqual([0, 1, 2, 3, 4]);
});

test("a work that fails gives its turn on and tells its own caller only", async () => {
  const { begun, begin, end, results } = createWorks();
  begin(0, true);
  begin(1);
  begin(2);
  await end(0);
  await expect(results[0]).rejects.toThrow("0 failed");
  expect(begun).toEqual([0, 1, 2]);
  await end(1);
  await end(2);
  begin(3);
  begin(4);
  begin(5);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  await end(3);
  await end(4);
  await end(5);
  expect(await results[5]).toBe(5);
});
