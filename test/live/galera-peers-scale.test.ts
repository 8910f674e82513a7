import { describe, expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { startEcho } from "../support/echo.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import {
  answerOf,
  clients,
  nodesEntry,
  nodesIn,
  peersStage,
  type StageHaproxy,
  statusOf,
  TAG,
  untilAllOn,
  untilConnected,
} from "../support/peers-stage.ts";

const untilPeers = (haproxies: readonly StageHaproxy[], names: string) =>
  eventually(`each file has ${names}`, () => haproxies.every((haproxy) => haproxy.peers().join() === names));

describe("HAProxies that announce themselves", () => {
  test("two become three and one: the table is never lost, each file has its own HAProxy, nobody is sent elsewhere", async () => {
    const prefix = await loopbackPrefix();
    const [first, second] = [await startEcho(`${prefix}.2`), await startEcho(`${prefix}.3`)];
    const nodes = [first.server, second.server];
    const consul = await startConsul();
    await consul.kv.put(`haproxy/galera/${TAG}`, nodesEntry(nodes));
    const stage = await peersStage({
      nodes,
      store: ["--consul", `${consul.address}:${consul.port}`],
      peers: (_, address) => `announce = "${address}"`,
    });

    const one = await stage.add("lb1");
    one.watch();
    const two = await stage.add("lb2");
    const twoWatches = two.watch();
    await untilPeers([one, two], "lb1,lb2");
    await untilConnected([one, two], 1);
    // The second node is the writer though the first is up: who forgets, goes to the first.
    for (const { cli } of [one, two]) await cli(`set server ${TAG}/${first.server} state maint`);
    expect(await answerOf(one)).toBe(second.server);
    await untilAllOn([one, two], second.server);
    for (const { cli } of [one, two]) await cli(`set server ${TAG}/${first.server} state ready`);
    const crowd = [clients(one), clients(two)];

    const three = await stage.add("lb3");
    const joiners = clients(three);
    const threeWatches = three.watch();
    await untilPeers([one, two, three], "lb1,lb2,lb3");
    await untilConnected([one, two, three], 2);
    await untilAllOn([one, two, three], second.server);
    expect(await statusOf([one, two, three])).toMatchObject({ code: 0 });

    expect(nodesIn((await crowd[1]?.end()) ?? [])).toEqual([second.server]);
    // Those who waited in a process that was replaced meanwhile were sent away, and nobody was sent to the first.
    expect(nodesIn(await joiners.end())).not.toContain(first.server);
    expect(await answerOf(three)).toBe(second.server);
    await Promise.all([twoWatches.stop(), threeWatches.stop()]);
    await untilPeers([one], "lb1");
    await Promise.all([two.stop(), three.stop()]);
    await eventually("it runs alone", async () => !/id=lb[23]/.test(await one.cli("show peers")));
    await untilAllOn([one], second.server);
    expect(nodesIn((await crowd[0]?.end()) ?? [])).toEqual([second.server]);
    expect(await answerOf(one)).toBe(second.server);
    await eventually("all is well with the one", async () => {
      const { code, stdout } = await statusOf([one]);
      if (code !== 0) throw new Error(stdout);
      return true;
    });
  }, 80_000);
});
