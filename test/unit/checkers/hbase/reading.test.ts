import { expect, test } from "vitest";
import { readSettled } from "../../../../checkers/hbase/reading.ts";

/** Each reading is another one, and so many of the first ones meet a change. */
async function readingsWith(changing: number): Promise<number> {
  let changes = 0;
  let readings = 0;
  await readSettled(
    async () => {
      readings += 1;
      if (readings <= changing) changes += 1;
      return { children: [], groups: [] };
    },
    () => changes,
  );
  return readings;
}

test("a reading during which something changes is done again, but not without end", async () => {
  expect(await readingsWith(0)).toBe(1);
  expect(await readingsWith(1)).toBe(2);
  expect(await readingsWith(100)).toBe(3);
});
