import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { runProgram, untilLogged } from "../support/program.ts";
import { type RenderStage, renderStage } from "../support/render-stage.ts";

/** `KILLS=200 npx vitest run test/faults/apply-killed.test.ts` for a long one. */
const KILLS = Number(process.env["KILLS"] ?? 25);
const HOSTS = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
/** From a change to its end, and some more: stage, check, swap, reload. */
const LONGEST_MS = 250;

test(`a render that is killed at any moment, ${KILLS} times: the next one makes file and HAProxy agree`, async () => {
  const stage = await renderStage({ haproxy: 'on_replace = "shutdown-sessions"', serverWords: "weight 100" });
  await stage.publish(HOSTS[0] ?? "", "mem1", 21_611);
  await stage.publish(HOSTS[0] ?? "", "mem2", 21_612);
  expect((await runProgram("render", ["--onetime", ...stage.args])).code).toBe(0);
  for (let kill = 1; kill <= KILLS; kill++) {
    const render = stage.start();
    await untilLogged(render, /watching/);
    const host = HOSTS[kill % HOSTS.length] ?? "";
    await stage.publish(host, "mem1", 21_611);
    // Now and then what takes a reload, at the same time or a moment later.
    if (kill % 3 === 0) await stage.publish(host, `more${kill}`, 21_620 + kill);
    await sleep(randomInt(LONGEST_MS));
    await render.kill();
    await whole(stage, kill, host);
  }
});

/** What a one-shot run leaves: the store, the file and HAProxy say the same, and nothing is due. */
async function whole(stage: RenderStage, kill: number, host: string): Promise<void> {
  const { code, stderr } = await runProgram("render", ["--onetime", ...stage.args]);
  expect(code, `after kill ${kill}:\n${stderr}`).toBe(0);
  const file = [...stage.read().matchAll(/^\s+server (\S+) (\S+) weight/gm)].map(([, server, at]) => `${server} ${at}`);
  expect(file).toContain(`mem1-memcached ${host}:21211`);
  await eventually(`HAProxy has what the file says after kill ${kill}`, async () => {
    const state = await stage.haproxy.cli("show servers state");
    const runs = state.split("\n").flatMap((line) => {
      const cells = line.split(" ");
      return cells.length > 18 && line !== "" && !line.startsWith("#") ? `${cells[3]} ${cells[4]}:${cells[18]}` : [];
    });
    return runs.toSorted().join() === file.toSorted().join();
  });
  // And it stays so: a second run has nothing to do.
  const again = await runProgram("render", ["--onetime", ...stage.args]);
  expect(again.code, again.stderr).toBe(0);
  expect(again.stderr, `after kill ${kill}`).not.toMatch(/wrote|reloaded|does now/);
}
