import { expect, test } from "vitest";
import { createGroupReader } from "../../../../checkers/hbase/groups.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { groupData } from "../../../support/hbase.ts";

const GONE = { isThere: false };
const there = (data: Buffer) => ({ isThere: true, data });

test("what was read of a group counts for 30 s when it cannot be read any more", async () => {
  const clock = createFakeClock();
  const read = createGroupReader("oltp", clock);
  const servers = ["a,1"];
  expect(read(there(groupData("oltp", servers)))).toEqual({ servers });
  await clock.advance(20_000);
  for (const reply of [GONE, there(Buffer.alloc(0)), there(Buffer.from("nonsense"))]) {
    expect(read(reply)).toMatchObject({ servers, remark: expect.stringMatching(/^as read before, for now /) });
  }
  await clock.advance(10_000);
  expect(read(GONE)).toMatchObject({ servers });
  await clock.advance(1);
  expect(read(GONE)).toEqual({ problem: "group oltp: there is no such group" });
  expect(read(there(groupData("oltp", ["b,1"])))).toEqual({ servers: ["b,1"] });
});
