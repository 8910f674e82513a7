import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { untilLogged } from "../support/program.ts";
import { renderStage } from "../support/render-stage.ts";
import { tempDir } from "../support/temp-dir.ts";

/** The second look is late, and a machine may be slow. */
const LATE_MS = 50_000;

/** A haproxy.cfg that takes its time to be read, as a large one does: while there is a file `hold`. */
function slowToRead() {
  const dir = tempDir("slow");
  const [hold, reading, script] = [join(dir, "hold"), join(dir, "reading"), join(dir, "slow.lua")];
  writeFileSync(
    script,
    `local function there() local file = io.open("${hold}") if file then file:close() end return file end
if there() then io.open("${reading}", "w"):close() end
while there() do os.execute("sleep 0.02") end
`,
  );
  return { hold, reading, tail: `global\n    lua-load ${script}\n` };
}

test("somebody's reload reads the file before a change and is there after it: what it has of before is mended", {
  timeout: 90_000,
}, async () => {
  const { hold, reading, tail } = slowToRead();
  const stage = await renderStage({ haproxy: "", tail, check: "true" });
  const has = async (host: string) => (await stage.haproxy.cli("show servers state")).includes(` ${host} `);
  await stage.publish("10.0.0.1");
  const render = stage.start();
  await untilLogged(render, /reloaded/);
  const pid = await workerPid(stage.haproxy);
  writeFileSync(hold, "");
  process.kill(stage.haproxy.pid, "SIGUSR2");
  await eventually("it reads the file", () => existsSync(reading));
  await stage.publish("10.0.0.2");
  await untilLogged(render, /in force without reload/);
  expect(await has("10.0.0.2")).toBe(true);
  rmSync(hold);
  await eventually("it is there", async () => (await workerPid(stage.haproxy)) !== pid);
  await eventually("it has the change too", () => has("10.0.0.2"), LATE_MS);
  await untilLogged(render, /does now: mem1\/mem1-memcached: HAProxy has 10\.0\.0\.1:21211, the file says 10\.0\.0\.2/);
  expect(stage.reloadCount()).toBe(1);
  expect(stage.read()).toContain("10.0.0.2");
});

async function workerPid(haproxy: { cli(command: string): Promise<string> }): Promise<string | undefined> {
  return /^Pid: (\d+)$/m.exec(await haproxy.cli("show info"))?.[1];
}
