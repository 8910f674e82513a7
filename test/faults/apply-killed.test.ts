import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { haproxyHead } from "../support/haproxy.ts";
import { runProgram, untilLogged } from "../support/program.ts";
import { type Random, someSeed, withSeed } from "../support/random.ts";
import { type RenderStage, renderStage } from "../support/render-stage.ts";
import { tempDir } from "../support/temp-dir.ts";

/** `KILLS=200 npx vitest run test/faults/apply-killed.test.ts` for a long one. */
const KILLS = Number(process.env["KILLS"] ?? 25);
/** Generous: on a machine that does much else a start takes its seconds. */
const ROUND_MS = 8_000;
/** From a change to its end, and some more: stage, check, swap, reload. */
const LONGEST_MS = 250;
const HOSTS = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];

/** What the store says: each section's servers, `NAME ADDRESS:PORT`. */
type Sections = ReadonlyMap<string, readonly string[]>;

test(`a render that is killed at any moment, ${KILLS} times: the next one makes store, file and HAProxy agree`, {
  timeout: 30_000 + KILLS * ROUND_MS,
}, async () => {
  const stage = await renderStage({ haproxy: "" });
  useTemplate(stage);
  await withSeed(someSeed(), async (random) => {
    let is: Sections = new Map([["a", ["s0 10.0.0.1:1"]]]);
    await publish(stage, new Map(), is);
    expect((await runProgram("render", ["--onetime", ...stage.args])).code).toBe(0);
    for (let kill = 1; kill <= KILLS; kill++) {
      const before = is;
      is = change(before, random);
      const render = stage.start();
      await untilLogged(render, /watching/);
      await publish(stage, before, is);
      // Between HAProxy and the file is the moment that is hard to hit by chance.
      if (random.chance(0.5)) await untilItRuns(stage, is, LONGEST_MS);
      else await sleep(random.below(LONGEST_MS));
      await render.kill();
      if (random.chance(0.5)) {
        await publish(stage, is, before);
        is = before;
      }
      if (random.chance(0.5)) await once(stage, is, `after kill ${kill}`);
      else await service(stage, is, `after kill ${kill}`);
    }
  });
});

test("killed when HAProxy has an address and the file has not, and the store has it no longer: mended without a reload", async () => {
  const flag = join(tempDir("flag"), "slow");
  const stage = await renderStage({
    haproxy: "",
    check: `while test -e ${flag}; do sleep 0.02; done; haproxy -c -f {{src}}`,
  });
  useTemplate(stage);
  const before: Sections = new Map([["a", ["s0 10.0.0.1:1"]]]);
  const after: Sections = new Map([["a", ["s0 10.0.0.2:1"]]]);
  await publish(stage, new Map(), before);
  expect((await runProgram("render", ["--onetime", ...stage.args])).code).toBe(0);
  const render = stage.start();
  await untilLogged(render, /watching/);
  writeFileSync(flag, "");
  await publish(stage, before, after);
  await eventually("HAProxy has it", async () => (await linesInHaproxy(stage)) === linesOf(after));
  await render.kill();
  rmSync(flag);
  expect(linesInFile(stage)).toBe(linesOf(before));
  await publish(stage, after, before);
  const next = await runProgram("render", ["--onetime", ...stage.args]);
  expect(next.code, next.stderr).toBe(0);
  expect(next.stderr).toMatch(/does now: a\/s0: HAProxy has 10\.0\.0\.2:1, the file says 10\.0\.0\.1:1/);
  expect(await linesInHaproxy(stage)).toBe(linesOf(before));
  expect(stage.reloadCount()).toBe(1);
});

/** An entry's servers, one line each. */
function useTemplate({ haproxy, proxy, template }: RenderStage): void {
  writeFileSync(
    template,
    `${haproxyHead(haproxy)}{{#each (gets "/haproxy/memcached/*")}}{{#with (json value)}}listen {{name}}
    bind ${proxy.address}:{{proxyport}}
{{#each servers}}    server {{name}} {{host}}:1
{{/each}}{{/with}}{{/each}}`,
  );
}

/** Another address, a server more or less, a section more or less; or two of these. */
function change(sections: Sections, random: Random): Sections {
  const after = new Map(sections);
  const [name = "a", servers = []] = random.pick([...sections]);
  const [first = "", ...others] = servers;
  const address = `${random.pick(HOSTS.filter((host) => !first.includes(host)))}:1`;
  if (random.chance(0.7)) after.set(name, [`s0 ${address}`, ...others]);
  else after.set(name, others.length > 1 ? [first] : [...servers, `s${servers.length} ${address}`]);
  if (random.chance(0.25)) {
    if (after.size > 3) after.delete("b");
    else after.set(["b", "c", "d"].find((one) => !after.has(one)) ?? "b", [`s0 ${address}`]);
  }
  return after;
}

async function publish(stage: RenderStage, before: Sections, after: Sections): Promise<void> {
  for (const name of before.keys()) if (!after.has(name)) await stage.consul.kv.delete(`haproxy/memcached/${name}`);
  for (const [name, lines] of after) {
    if (before.get(name)?.join() === lines.join()) continue;
    const servers = lines.map((line) => ({ name: line.split(" ")[0], host: line.split(/[ :]/)[1] }));
    const proxyport = 21_611 + name.charCodeAt(0);
    await stage.consul.kv.put(`haproxy/memcached/${name}`, JSON.stringify({ name, proxyport, servers }));
  }
}

function linesOf(sections: Sections): string {
  return [...sections]
    .flatMap(([name, servers]) => servers.map((server) => `${name}/${server}`))
    .toSorted()
    .join("\n");
}

function linesInFile(stage: RenderStage): string {
  const sections = new Map<string, string[]>();
  for (const [, name = "", body = ""] of stage.read().matchAll(/^listen (\S+)\n((?: .*\n)*)/gm)) {
    sections.set(
      name,
      [...body.matchAll(/ server (.*)/g)].map(([, server = ""]) => server),
    );
  }
  return linesOf(sections);
}

async function linesInHaproxy(stage: RenderStage): Promise<string> {
  const state = await stage.haproxy.cli("show servers state");
  const rows = state
    .split("\n")
    .slice(2)
    .map((line) => line.split(" "));
  return rows
    .map((cells) => `${cells[1]}/${cells[3]} ${cells[4]}:${cells[18]}`)
    .toSorted()
    .join("\n");
}

async function untilItRuns(stage: RenderStage, is: Sections, atMostMs: number): Promise<void> {
  const endMs = performance.now() + atMostMs;
  while (performance.now() < endMs && (await linesInHaproxy(stage)) !== linesOf(is)) await sleep(1);
}

/** A one-shot run leaves nothing for a second one. */
async function once(stage: RenderStage, is: Sections, when: string): Promise<void> {
  const { code, stderr } = await runProgram("render", ["--onetime", ...stage.args]);
  expect(code, `${when}:\n${stderr}`).toBe(0);
  expect(linesInFile(stage), `the file ${when}`).toBe(linesOf(is));
  expect(await linesInHaproxy(stage), `HAProxy ${when}`).toBe(linesOf(is));
  const again = await runProgram("render", ["--onetime", ...stage.args]);
  expect(again.code, again.stderr).toBe(0);
  expect(again.stderr, when).not.toMatch(/wrote|reloaded|does now/);
}

/** A service that is started and, when all agree, killed as well. */
async function service(stage: RenderStage, is: Sections, when: string): Promise<void> {
  const render = stage.start();
  await eventually(
    `HAProxy has what the store says ${when}`,
    async () => (await linesInHaproxy(stage)) === linesOf(is),
  );
  await eventually(`the file says what the store does ${when}`, () => linesInFile(stage) === linesOf(is));
  await render.kill();
}
