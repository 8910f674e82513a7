import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import { runProgram, untilLogged } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import { memcachedThatSays, type RenderStage, type RenderStageOptions, renderStage } from "../support/render-stage.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A stage with two servers, on which `render --watch` has brought the first one into HAProxy, by a reload. */
async function serving(options: RenderStageOptions = {}) {
  const stage = await renderStage({ haproxy: "", ...options });
  const [one, two] = [await memcachedThatSays("one"), await memcachedThatSays("two")];
  await stage.publish(one);
  const render = stage.start();
  await untilAnswers(stage, "one");
  await untilLogged(render, /reloaded/);
  return { stage, one, two, render, pid: await workerPid(stage) };
}

function untilAnswers(stage: RenderStage, word: string): Promise<unknown> {
  return eventually(`a client reaches ${word}`, async () => (await stage.answer()) === word);
}

async function workerPid(stage: RenderStage): Promise<string | undefined> {
  return /^Pid: (\d+)$/m.exec(await stage.haproxy.cli("show info"))?.[1];
}

describe.each(haproxyBinaries())("HAProxy $version", ({ binary }) => {
  test("takes an address without a reload, and the file follows", async () => {
    const { stage, one, two, render, pid } = await serving({ binary });
    for (const [host, word] of [
      [two, "two"],
      [one, "one"],
      [two, "two"],
    ] as const) {
      await stage.publish(host);
      await untilAnswers(stage, word);
      await eventually("the file names it", () => stage.read().includes(`mem1-memcached ${host}:21211`));
    }
    await untilLogged(render, /in force without reload: set server mem1\/mem1-memcached addr/);
    expect(stage.reloadCount()).toBe(1);
    expect(await workerPid(stage)).toBe(pid);
  });

  test("is reloaded for a section, and the log says why; what people set by hand survives", async () => {
    const { stage, two, render } = await serving({ binary, serverWords: "weight 100" });
    await stage.publish(two, "mem2", 21_612);
    await untilLogged(render, /reload, because: .*listen mem2[\s\S]*reloaded/);
    await stage.haproxy.cli("set server mem1/mem1-memcached state maint");
    await stage.haproxy.cli("set server mem2/mem2-memcached weight 30");
    const logged = render.stderr().length;
    await stage.publish(two, "mem3", 21_614);
    await untilLogged(render, /mem2\/mem2-memcached: weight 30 again, as it was by hand/, logged);
    const state = await stage.haproxy.cli("show servers state");
    const columns = (server: string) =>
      state
        .split("\n")
        .find((line) => line.includes(server))
        ?.split(" ") ?? [];
    expect(columns("mem1-memcached")[6]).toBe("1");
    expect(columns("mem2-memcached")[7]).toBe("30");
    expect(columns("mem3-memcached")[6]).toBe("0");
    expect(stage.reloadCount()).toBe(3);
  });
});

describe("an address that changes", () => {
  test("is taken back when check_cmd refuses the file", async () => {
    const flag = join(tempDir("flag"), "broken");
    const check = `test ! -e ${flag} && haproxy -c -f {{src}}`;
    const { stage, two, render, pid } = await serving({ check });
    const before = stage.read();
    writeFileSync(flag, "as if a certificate that the file includes were lost");
    await stage.publish(two);
    await untilLogged(render, /check_cmd refused.*HAProxy already ran the new addresses, which were taken back/s);
    expect(await stage.answer()).toBe("one");
    expect(stage.read()).toBe(before);
    rmSync(flag);
    await untilAnswers(stage, "two");
    await eventually("the file names it", () => stage.read().includes(two));
    expect(stage.reloadCount()).toBe(1);
    expect(await workerPid(stage)).toBe(pid);
  });

  test("is given to HAProxy by a reload where apply says so", async () => {
    const { stage, two, pid } = await serving({ haproxy: 'apply = "reload"' });
    await stage.publish(two);
    await untilAnswers(stage, "two");
    expect(stage.reloadCount()).toBe(2);
    expect(await workerPid(stage)).not.toBe(pid);
  });
});

test("without a reload_cmd HAProxy's master is told", async () => {
  const { stage, two, render, pid } = await serving({ withoutCommand: true });
  await stage.publish(two, "mem2", 21_612);
  await untilLogged(render, /reloaded[\s\S]*reloaded/);
  expect(await stage.haproxy.cli("show stat")).toContain("mem2-memcached");
  expect(await workerPid(stage)).not.toBe(pid);
  expect(stage.reloadCount()).toBe(0);
});

test("--noop says what it would take", async () => {
  const { stage, two, render } = await serving();
  await render.stop();
  await stage.publish(two);
  const addresses = await runProgram("render", ["--noop", ...stage.args]);
  expect(addresses.stderr).toMatch(/without reload: set server mem1\/mem1-memcached addr \S+ port 21211/);
  await stage.publish(two, "mem2", 21_612);
  const section = await runProgram("render", ["--noop", ...stage.args]);
  expect(section.stderr).toMatch(/reload, because: a section was added: listen mem2/);
  expect(await stage.answer()).toBe("one");
});

describe("a reload that HAProxy refuses", () => {
  test("puts the file that runs back, keeps the other, and the next good change goes through", async () => {
    const { stage, one, two, render } = await serving();
    const before = stage.read();
    const taken = await takePort(stage.proxy.address, 21_613);
    await stage.publish(one, "mem2", 21_613);
    await untilLogged(render, /did not take the new file/);
    await eventually("the file that runs is back", () => stage.read() === before);
    expect(readFileSync(`${stage.dest}.refused`, "utf8")).toContain("listen mem2");
    expect(await stage.answer()).toBe("one");
    await stage.publish(two);
    await taken.close();
    await stage.publish(two, "mem2", 21_613);
    await untilAnswers(stage, "two");
    await eventually("the second entry is in force", async () =>
      (await stage.haproxy.cli("show stat")).includes("mem2-memcached"),
    );
    await eventually("the refusal is gone", () => !existsSync(`${stage.dest}.refused`));
  });
});

test("a HAProxy that runs something else than its file is brought back to it at the start", async () => {
  const { stage, one, two, render } = await serving();
  await render.stop();
  await stage.haproxy.cli(`set server mem1/mem1-memcached addr ${two}`);
  expect(await stage.answer()).toBe("two");
  const again = stage.start();
  await untilAnswers(stage, "one");
  await untilLogged(again, new RegExp(`does now: mem1/mem1-memcached: HAProxy has ${two}:21211, the file says ${one}`));
  expect(stage.reloadCount()).toBe(1);
});

test("where HAProxy does not answer on its socket, it is reloaded", async () => {
  const { stage, two, render } = await serving();
  renameSync(stage.haproxy.socket, `${stage.haproxy.socket}.away`);
  await stage.publish(two);
  await untilLogged(render, /reload, because: .*there is no such socket/);
  await untilAnswers(stage, "two");
});

async function takePort(address: string, port: number): Promise<{ close(): Promise<void> }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen({ host: address, port, exclusive: true }, () => resolve());
  });
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  releaseLater("a taken port", close);
  return { close };
}
