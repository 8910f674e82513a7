import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { runProgram, untilLogged } from "../support/program.ts";
import { memcachedThatSays, renderStage } from "../support/render-stage.ts";

/** A stage on which `render --watch` already serves the first of two servers. */
async function serving(options: Parameters<typeof renderStage>[0] = {}) {
  const stage = await renderStage(options);
  const one = await memcachedThatSays("one");
  const two = await memcachedThatSays("two");
  await stage.publish(one);
  const render = stage.start();
  await eventually("the first server answers", async () => (await stage.answer()) === "one");
  return { stage, one, two, render, before: stage.read() };
}

test("a config that HAProxy refuses never reaches dest; it and the reason are kept; a good one clears them", async () => {
  const { stage, two, render, before } = await serving();
  await stage.publish("300.300.300.300:bad");
  await untilLogged(render, /check_cmd refused the new/);
  expect(stage.read()).toBe(before);
  expect(readFileSync(`${stage.dest}.refused`, "utf8")).toContain("300.300.300.300");
  expect(readFileSync(`${stage.dest}.refused.reason`, "utf8")).toMatch(/exit code 1[\s\S]*300\.300\.300\.300/);
  expect(await stage.answer()).toBe("one");
  await stage.publish(two);
  await eventually("the second server answers", async () => (await stage.answer()) === "two");
  await eventually("the refusal is gone", () => !existsSync(`${stage.dest}.refused`));
  expect(existsSync(`${stage.dest}.refused.reason`)).toBe(false);
});

test("a template that is broken when SIGHUP re-reads it is not used, and a mended one is", async () => {
  const { stage, two, render } = await serving();
  const good = readFileSync(stage.template, "utf8");
  writeFileSync(stage.template, good.replace("{{/each}}", ""));
  render.signal("SIGHUP");
  await untilLogged(render, /what was read anew is not used.*t\.cfg\.hbs/);
  await stage.publish(two);
  await eventually("the old template still follows the store", async () => (await stage.answer()) === "two");
  writeFileSync(stage.template, `# mended\n${good}`);
  render.signal("SIGHUP");
  await eventually("the mended template is at dest", () => stage.read().startsWith("# mended"));
  expect(await stage.answer()).toBe("two");
});

test("a template that is broken at the start leaves dest alone, and is picked up once it is mended", async () => {
  const stage = await renderStage();
  await stage.publish(await memcachedThatSays("one"));
  const good = readFileSync(stage.template, "utf8");
  const before = stage.read();
  writeFileSync(stage.template, good.replace("{{/each}}", ""));
  const render = stage.start();
  await untilLogged(render, /E_TEMPLATE|t\.cfg\.hbs/);
  expect(stage.read()).toBe(before);
  writeFileSync(stage.template, good);
  await eventually("the server answers", async () => (await stage.answer()) === "one");
});

test("a reload that fails is tried again until it succeeds, though nothing changes any more", async () => {
  const stage = await renderStage();
  writeFileSync(stage.reloadBroken, "");
  const one = await memcachedThatSays("one");
  await stage.publish(one);
  const render = stage.start();
  await untilLogged(render, /reload_cmd of t failed: exit code 1/);
  expect(stage.read()).toContain(one);
  await expect(stage.answer()).rejects.toThrow();
  rmSync(stage.reloadBroken);
  await eventually("the reload was made up for", async () => (await stage.answer()) === "one");
});

test("a render killed between rename and reload: the next one reloads, though dest is current", async () => {
  const stage = await renderStage();
  writeFileSync(stage.reloadBroken, "");
  const one = await memcachedThatSays("one");
  await stage.publish(one);
  const render = stage.start();
  await eventually("the new file is at dest", () => stage.read().includes(one));
  await render.kill();
  await expect(stage.answer()).rejects.toThrow();
  rmSync(stage.reloadBroken);
  const next = await runProgram("render", ["--onetime", ...stage.args]);
  expect(next.stderr).toContain("reloaded");
  expect(next.code).toBe(0);
  await eventually("HAProxy runs what is at dest", async () => (await stage.answer()) === "one");
  const third = await runProgram("render", ["--onetime", ...stage.args]);
  expect(third.stderr).not.toContain("reloaded");
  expect(third.code).toBe(0);
});

test("Consul stopped: all goes on; started again: changes are followed again; each is said once", async () => {
  const { stage, two, render, before } = await serving();
  await stage.consul.stop();
  await untilLogged(render, /the store cannot be read/);
  expect(stage.read()).toBe(before);
  expect(await stage.answer()).toBe("one");
  await stage.consul.restart();
  await stage.publish(two);
  await eventually("the second server answers", async () => (await stage.answer()) === "two");
  expect(render.stderr().match(/the store answers again/g)).toHaveLength(1);
});

test("Consul restarted empty: HAProxy keeps its servers, and the hold lets go when the data are back", async () => {
  const { stage, two, render, before } = await serving();
  await stage.consul.restartEmpty();
  await untilLogged(render, /held back: there is no key at all.*vanished=\/haproxy\/memcached\/mem1/);
  expect(stage.read()).toBe(before);
  expect(await stage.answer()).toBe("one");
  expect((await runProgram("render", ["--onetime", ...stage.args])).code).toBe(1);
  await stage.publish(two);
  await eventually("the second server answers", async () => (await stage.answer()) === "two");
});

test("a token without rights is an error that does not show the token, and never an empty file", async () => {
  const { stage, before } = await serving({ acl: true });
  const token = await stage.consul.createToken("elsewhere", 'key_prefix "other/" { policy = "read" }');
  const env = { CONSUL_HTTP_TOKEN: token };
  const denied = await runProgram("render", ["--onetime", "--allow-shrink", ...stage.args], env);
  expect(denied.code).toBe(1);
  expect(denied.stderr).toContain("E_STORE_DENIED");
  expect(denied.stderr).not.toContain(token);
  expect(stage.read()).toBe(before);
});

test("SIGTERM in the middle of a reload lets it finish, and leaves nothing due", async () => {
  const stage = await renderStage();
  const one = await memcachedThatSays("one");
  await stage.publish(one);
  const running = `${stage.stateDir}/running`;
  const slow = `touch ${running}; sleep 1; `;
  const toml = `${stage.args[1]}/conf.d/t.toml`;
  writeFileSync(toml, readFileSync(toml, "utf8").replace('reload_cmd = "', `reload_cmd = "${slow}`));
  const render = stage.start();
  await eventually("the reload command runs", () => existsSync(running));
  const { code } = await render.stop();
  expect(code).toBe(0);
  expect(readFileSync(stage.reloads, "utf8")).toBe("reload\n");
  await eventually("HAProxy took it", async () => (await stage.answer()) === "one");
  const next = await runProgram("render", ["--onetime", ...stage.args]);
  expect(next.stderr).not.toContain("reloaded");
});
