import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Mood, startMoodySocket } from "../support/moody-socket.ts";
import { untilLogged } from "../support/program.ts";
import { memcachedThatSays, type RenderStage, renderStage } from "../support/render-stage.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A stage whose render talks to HAProxy through a socket that does what it is told to. */
async function serving() {
  const path = join(tempDir("moody"), "admin.sock");
  const stage = await renderStage({ haproxy: "", socket: path });
  const moody = await startMoodySocket(path, () => stage.haproxy.socket);
  const [one, two] = [await memcachedThatSays("one"), await memcachedThatSays("two")];
  await stage.publish(one);
  const render = stage.start();
  await untilAnswers(stage, "one");
  await untilLogged(render, /reloaded/);
  return { stage, moody, one, two, render };
}

function untilAnswers(stage: RenderStage, word: string): Promise<unknown> {
  return eventually(`a client reaches ${word}`, async () => (await stage.answer()) === word);
}

describe("a runtime socket that, told to set an address,", () => {
  test.each<[string, Mood["does"], RegExp]>([
    ["hangs", "hang", /reload, because: .*set server mem1\/mem1-memcached addr.* was not answered within/],
    ["hangs up", "hang up", /reload, because: .*the connection was c/],
    ["breaks off in the middle of its answer", "break off", /reload, because: .*in the middle of its answer/],
    ["says what nobody knows", { answer: "Maybe later.\n\n" }, /reload, because: .*was answered with "Maybe later\."/],
    ["does not let us", { answer: "Permission denied\n\n" }, /reload, because: .*"Permission denied"/],
  ])("%s: HAProxy gets it by one reload, and the log says why", async (_, does, says) => {
    const { stage, moody, two, one, render } = await serving();
    moody.mood = { to: /set server/, does };
    await stage.publish(two);
    await untilLogged(render, says);
    await untilAnswers(stage, "two");
    await untilLogged(render, /reloaded[\s\S]*reloaded/);
    expect(stage.reloadCount()).toBe(2);
    expect(render.stderr()).not.toContain("in force without reload");
    moody.mood = undefined;
    await stage.publish(one);
    await untilAnswers(stage, "one");
    await untilLogged(render, /in force without reload/);
    expect(stage.reloadCount()).toBe(2);
  });
});

describe("HAProxy is restarted by somebody", () => {
  test.each([
    ["before it is told", /set server/],
    ["after it was told, before the file is in place", /show servers state/],
  ])("%s: at the end file and HAProxy agree", async (_, moment) => {
    const { stage, moody, two, render } = await serving();
    const restart = async () => {
      await stage.haproxy.restart();
      stage.noteHaproxy();
    };
    let restarted: Promise<void> | undefined;
    moody.onCommand = async (command) => {
      if (restarted !== undefined || !moment.test(command)) return;
      restarted = restart();
      await restarted;
    };
    await stage.publish(two);
    await eventually("somebody begins to restart it", () => restarted !== undefined);
    await restarted;
    await eventually("the file names it", () => stage.read().includes(two));
    await untilAnswers(stage, "two");
    expect(render.running).toBe(true);
  });
});

test("an address that HAProxy lost again, since somebody reloaded it from the old file, is mended", async () => {
  const { stage, one, two, render } = await serving();
  await stage.publish(two);
  await untilLogged(render, /in force without reload/);
  // As if a process that had read the file before took over after it was looked at.
  await stage.haproxy.cli(`set server mem1/mem1-memcached addr ${one}`);
  await untilLogged(render, /does now: mem1\/mem1-memcached/);
  await untilAnswers(stage, "two");
  expect(stage.reloadCount()).toBe(1);
});
