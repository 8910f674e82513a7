import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { writeHbase } from "../support/hbase.ts";
import { checkHbase } from "../support/hbase-checker.ts";
import { type Member, startQuorum } from "../support/zookeeper.ts";

async function leaderOf(members: readonly Member[]): Promise<Member> {
  for (const member of members) if (await member.isLeader()) return member;
  throw new Error("nobody leads");
}

test("a quorum's leader dies: until there is another nobody can tell, then it is read; without a majority again nobody", async () => {
  const members = await startQuorum();
  const leader = await leaderOf(members);
  const others = members.filter((member) => member !== leader);
  const [one, other] = others;
  if (one === undefined || other === undefined) throw new Error("there are three");
  const hbase = await writeHbase(one.server);
  await hbase.stay("a,1");
  const quorum = [leader, ...others].map(({ server }) => server.server).join(",");
  const checker = await checkHbase(`${quorum}/hbase`);
  expect(await checker.look()).toMatchObject({ state: "up" });
  await leader.server.kill();
  await eventually("the next leader is found", async () => {
    const { state } = await checker.look();
    expect(["unknown", "up"]).toContain(state);
    return state === "up" && (await leaderOf(others));
  });
  await other.server.kill();
  await eventually("a single one does not answer", async () => (await checker.look()).state === "unknown");
  await other.server.restart();
  await eventually("it is read again", async () => (await checker.look()).state === "up");
});
