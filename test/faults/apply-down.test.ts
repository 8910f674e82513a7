import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Haproxy } from "../support/haproxy.ts";
import { untilLogged } from "../support/program.ts";
import { type TwoHaproxies, twoHaproxies } from "../support/two-haproxies.ts";

const [TWO, THREE] = ["10.0.0.2", "10.0.0.3"];

/** Said once, when it has looked again and found one of them down. */
const CANNOT_COMPARE = /what runs cannot be compared with .*(?:ECONNREFUSED|ENOENT)/;

function has(haproxy: Haproxy, words: string): Promise<unknown> {
  return eventually(`HAProxy has ${words}`, async () => (await haproxy.cli("show servers state")).includes(words));
}

function reloadsTold({ render }: TwoHaproxies): number {
  return render.stderr().match(/ reloaded /g)?.length ?? 0;
}

async function startAgain(two: TwoHaproxies, haproxy: Haproxy): Promise<void> {
  await haproxy.restart();
  two.note();
  await untilLogged(two.render, /what runs was compared with/);
}

describe("of two HAProxies from one render one is down", { timeout: 90_000 }, () => {
  test.each([
    ["with masters", true],
    ["without masters", false],
  ])("%s: the other one gets each change, by one reload at the most, and it is said why", async (_, masters) => {
    const two = await twoHaproxies({ masters });
    const { render, publish, reloadCount } = two;
    const [well, down] = two.haproxies;
    await down.kill();
    await publish(TWO);
    await has(well, ` ${TWO} `);
    await untilLogged(render, new RegExp(`reload, because: HAProxy at ${down.socket}: `));
    await eventually("it was reloaded", () => reloadsTold(two) === 2);
    await untilLogged(render, CANNOT_COMPARE);
    await publish(THREE);
    await has(well, ` ${THREE} `);
    await eventually("it was reloaded once more", () => reloadsTold(two) === 3);
    await startAgain(two, down);
    await has(down, ` ${THREE} `);
    expect(reloadCount()).toBe(3);
    const back = render.stderr().length;
    await publish(TWO);
    for (const haproxy of two.haproxies) await has(haproxy, ` ${TWO} `);
    await untilLogged(render, /in force without reload/, back);
    expect(reloadCount()).toBe(3);
  });

  test("the other one has an address without waiting for the reload", async () => {
    const { haproxies, render, publish, breakReload } = await twoHaproxies();
    const [well, down] = haproxies;
    await down.kill();
    breakReload();
    await publish(TWO);
    await has(well, ` ${TWO} `);
    await untilLogged(render, /reload_cmd of t failed: exit code 7/);
  });

  test.each([
    ["by a command that fails for it", "strict"],
    ["by their masters", "masters"],
  ] as const)("%s: a reload is done once for the other, and the one that is down is named", async (_, reload) => {
    const two = await twoHaproxies({ reload });
    const { render, publish } = two;
    const [well, down] = two.haproxies;
    await down.kill();
    await publish(TWO, "mem2", 21_812);
    await has(well, " mem2 ");
    await untilLogged(render, new RegExp(`warn .*HAProxy at ${down.socket} cannot be asked: it has the file once`));
    await untilLogged(render, CANNOT_COMPARE);
    expect(reloadsTold(two)).toBe(2);
    expect(render.stderr()).not.toMatch(/reload.* failed:.*tried again/);
    await startAgain(two, down);
    await has(down, " mem2 ");
    expect(reloadsTold(two)).toBe(2);
  });
});
