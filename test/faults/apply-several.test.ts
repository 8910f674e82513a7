import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Haproxy } from "../support/haproxy.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { folderWith, runProgram, untilLogged } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import { type RenderStage, renderStage } from "../support/render-stage.ts";
import { tempDir } from "../support/temp-dir.ts";
import { twoHaproxies } from "../support/two-haproxies.ts";

const HOSTS = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as const;
const [ONE, TWO, THREE] = HOSTS;

function has(haproxy: Pick<Haproxy, "cli">, host: string): Promise<unknown> {
  return eventually(`HAProxy has ${host}`, async () =>
    (await haproxy.cli("show servers state").catch(() => "")).includes(` ${host} `),
  );
}

/** Takes connections and says nothing. */
async function startSilent(host: string): Promise<void> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
  });
  server.listen(21_211, host);
  await once(server, "listening");
  releaseLater("a silent server", async () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
}

describe("two HAProxies from one render", () => {
  test("both get a change without a reload, and it is said of which", async () => {
    const { publish, haproxies, render } = await twoHaproxies();
    await publish(TWO);
    for (const haproxy of haproxies) await has(haproxy, TWO);
    await untilLogged(render, /in force without reload.*haproxies="[^"]+, [^"]+"/);
  });

  test("one that hangs keeps no change from the other, and gets it when it goes on", async () => {
    const { publish, haproxies, render } = await twoHaproxies();
    const [well, hung] = haproxies;
    const worker = Number(/^Pid: (\d+)$/m.exec(await hung.cli("show info"))?.[1]);
    process.kill(worker, "SIGSTOP");
    await publish(TWO);
    await has(well, TWO);
    process.kill(worker, "SIGCONT");
    await has(hung, TWO);
    await publish(THREE);
    for (const haproxy of haproxies) await has(haproxy, THREE);
    expect(render.running).toBe(true);
  });
});

describe("two renders on one dest", () => {
  test.each([
    ["with one state folder", false],
    ["each with its own", true],
  ])("%s: at the end file and HAProxy have what the store says", async (_, apart) => {
    const stage = await renderStage({ haproxy: "" });
    await stage.publish(ONE);
    const state = apart ? ["--state-dir", tempDir("state")] : [];
    const renders = [stage.start(), stage.start(state)];
    await has(stage.haproxy, ONE);
    for (let round = 0; round < 12; round++) {
      await stage.publish(HOSTS[round % HOSTS.length] ?? ONE);
      if (round % 4 === 0) await stage.publish(ONE, `more${round}`, 21_700 + round);
    }
    await stage.publish(TWO);
    await has(stage.haproxy, TWO);
    await eventually("the file names it", () => stage.read().includes(`mem1-memcached ${TWO}:`));
    for (const render of renders) await render.stop();
    const file = stage.read();
    expect(file.match(/^listen /gm)).toHaveLength(4);
    const state2 = await stage.haproxy.cli("show servers state");
    for (const tag of ["mem1", "more0", "more4", "more8"]) expect(state2).toContain(`${tag}-memcached`);
  });
});

describe("a render --onetime beside a service", () => {
  test.each([
    ["with one state folder", false],
    ["each with its own", true],
  ])("%s: at the end file and HAProxy have what the store says", { timeout: 60_000 }, async (_, apart) => {
    const stage = await renderStage({ haproxy: "" });
    await stage.publish(ONE);
    stage.start(apart ? ["--state-dir", tempDir("state")] : []);
    await has(stage.haproxy, ONE);
    for (let round = 0; round < 6; round++) {
      const beside = runProgram("render", ["--onetime", ...stage.args]);
      await stage.publish(HOSTS[round % HOSTS.length] ?? ONE);
      if (round % 3 === 0) await stage.publish(ONE, `more${round}`, 21_700 + round);
      await beside;
    }
    await stage.publish(TWO);
    await eventually("the file names it", () => stage.read().includes(`mem1-memcached ${TWO}:`));
    await has(stage.haproxy, TWO);
    await has(stage.haproxy, "more3-memcached");
    const last = await runProgram("render", ["--onetime", ...stage.args]);
    expect(last.code, last.stderr).toBe(0);
  });

  test("that was late and puts what was before over it: it is put right", async () => {
    const stage = await renderStage({ haproxy: "" });
    const hold = join(tempDir("hold"), "hold");
    const slow = copyConfdir(stage, (toml) =>
      toml.replace('check_cmd = "', `check_cmd = "touch ${hold}.seen; while test -e ${hold}; do sleep 0.02; done; `),
    );
    await stage.publish(ONE);
    const service = stage.start();
    await untilLogged(service, /reloaded/);
    service.pause();
    writeFileSync(hold, "");
    await stage.publish(TWO);
    const late = runProgram("render", ["--onetime", ...stage.args, "--confdir", slow, "--state-dir", tempDir("state")]);
    await eventually("the late one has read the store", () => existsSync(`${hold}.seen`));
    await stage.publish(THREE);
    service.resume();
    await eventually("the service has put the last state there", () => stage.read().includes(` ${THREE}:`));
    rmSync(hold);
    expect((await late).stderr).toMatch(/wrote /);
    await eventually("the file says what the store does", () => stage.read().includes(` ${THREE}:`));
    await has(stage.haproxy, THREE);
  });
});

/** The stage's resource and template, changed. */
function copyConfdir({ template }: RenderStage, change: (toml: string) => string): string {
  const read = (path: string) => readFileSync(join(template, "../..", path), "utf8");
  return folderWith({
    "templates/t.cfg.hbs": readFileSync(template, "utf8"),
    "conf.d/t.toml": change(read("conf.d/t.toml")),
  });
}

test("old workers hold a reload up; an address does not wait for it", async () => {
  const stage = await renderStage({ haproxy: 'max_old_workers = 1\nmax_delay = "3s"' });
  const host = `${await loopbackPrefix()}.11`;
  await startSilent(host);
  await stage.publish(host);
  const render = stage.start();
  await untilLogged(render, /reloaded/);
  const session = createConnection({ host: stage.proxy.address, port: stage.proxy.port });
  releaseLater("a session", async () => void session.destroy());
  await once(session, "connect");
  await eventually("HAProxy has the session at its server", async () =>
    (await stage.haproxy.cli("show sess")).includes("srv=mem1-memcached"),
  );
  await stage.publish(ONE, "mem2", 21_712);
  await untilLogged(render, /reloaded[\s\S]*reloaded/);
  await stage.publish(ONE, "mem3", 21_713);
  await untilLogged(render, /the reload waits.*held_up_by="?worker \d+/);
  await stage.publish(TWO);
  await has(stage.haproxy, TWO);
  expect(stage.reloadCount()).toBe(2);
  await untilLogged(render, /max_delay is over[\s\S]*reloaded/);
  expect(await stage.haproxy.cli("show stat")).toContain("mem3-memcached");
});
