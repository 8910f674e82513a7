import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { runProgram, untilLogged } from "../support/program.ts";
import { createRandom, someSeed } from "../support/random.ts";
import { releaseLater } from "../support/releases.ts";
import { type RenderStage, renderStage } from "../support/render-stage.ts";

const ROUNDS = 5;
/** From a change to a file that is put back, and some more: HAProxy 2.6 tries a port for two seconds. */
const LONGEST_MS = 3_000;
const TAKEN_PORT = 21_613;

/** HAProxy runs mem1; mem2 would have to listen where another program does, which `haproxy -c` does not see. */
async function refusing(options: { readonly withoutCommand?: boolean } = {}) {
  const stage = await renderStage({ haproxy: "", ...options });
  await stage.publish("10.0.0.1");
  expect((await runProgram("render", ["--onetime", ...stage.args])).code).toBe(0);
  const runs = stage.read();
  const server = createServer((socket) => socket.destroy());
  server.listen({ host: stage.proxy.address, port: TAKEN_PORT, exclusive: true });
  await once(server, "listening");
  const release = () => new Promise<void>((resolve) => server.close(() => resolve()));
  releaseLater("a taken port", release);
  await stage.publish("10.0.0.1", "mem2", TAKEN_PORT);
  return { stage, runs, release };
}

/** HAProxy has mem1 at this address, and not mem2. */
async function expectServers(stage: RenderStage, ...words: readonly string[]): Promise<void> {
  const state = await stage.haproxy.cli("show servers state");
  const servers = state
    .split("\n")
    .slice(2)
    .map((line) => line.split(" "));
  expect(servers.map((cells) => `${cells[1]} ${cells[4]}`)).toEqual(words);
}

test.each([
  ["by reload_cmd", false],
  ["by the master", true],
])("a one-shot run whose reload %s is refused ends with 1 and why; what runs is at dest", async (_, withoutCommand) => {
  const { stage, runs, release } = await refusing({ withoutCommand });
  for (let run = 0; run < 2; run++) {
    const { code, stderr } = await runProgram("render", ["--onetime", ...stage.args]);
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/error .*HAProxy did not take the new file and goes on with the one before/);
    expect(stage.read()).toBe(runs);
    expect(readFileSync(`${stage.dest}.refused`, "utf8")).toContain("listen mem2");
    expect(readFileSync(`${stage.dest}.refused.reason`, "utf8")).toContain("did not take the new file");
    await expectServers(stage, "mem1 10.0.0.1");
  }
  await release();
  const good = await runProgram("render", ["--onetime", ...stage.args]);
  expect(good.code, good.stderr).toBe(0);
  await expectServers(stage, "mem1 10.0.0.1", "mem2 10.0.0.1");
  expect(existsSync(`${stage.dest}.refused`)).toBe(false);
});

test(`a render that is killed ${ROUNDS} times while its reload is refused: the next one puts back what runs`, {
  timeout: 90_000,
}, async () => {
  const random = createRandom(someSeed());
  const { stage, runs, release } = await refusing();
  for (let round = 1; round <= ROUNDS; round++) {
    const when = `round ${round} with the seed ${random.seed}`;
    const render = stage.start();
    await untilLogged(render, /watching/);
    await sleep(random.below(LONGEST_MS));
    await render.kill();
    const { code, stderr } = await runProgram("render", ["--onetime", ...stage.args]);
    expect(code, `${when}: ${stderr}`).toBe(1);
    expect(stage.read(), when).toBe(runs);
    expect(existsSync(`${stage.dest}.refused`), when).toBe(true);
    await expectServers(stage, "mem1 10.0.0.1");
  }
  await release();
  stage.start();
  await eventually("all is in force", async () => (await stage.haproxy.cli("show servers state")).includes(" mem2 "));
  await eventually("the file says so", () => stage.read().includes("listen mem2"));
});
