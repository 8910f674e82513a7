import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { runProgram, untilLogged } from "../support/program.ts";
import { memcachedThatSays, renderStage } from "../support/render-stage.ts";

test("an entry that changes is where a client's request goes", async () => {
  const stage = await renderStage();
  const one = await memcachedThatSays("one");
  const two = await memcachedThatSays("two");
  await stage.publish(one);
  stage.start();
  await eventually("the first server answers", async () => (await stage.answer()) === "one");
  await stage.publish(two);
  await eventually("the second server answers", async () => (await stage.answer()) === "two");
});

test("min_reload_interval puts the second reload off and does not drop it", async () => {
  const stage = await renderStage({ resource: 'min_reload_interval = "2s"' });
  const one = await memcachedThatSays("one");
  const two = await memcachedThatSays("two");
  await stage.publish(one);
  const render = stage.start();
  await untilLogged(render, /reloaded/);
  const firstMs = performance.now();
  await stage.publish(two);
  await eventually("the new file is at dest", () => stage.read().includes(two));
  expect(readFileSync(stage.reloads, "utf8")).toBe("reload\n");
  await eventually("the second reload ran", () => readFileSync(stage.reloads, "utf8") === "reload\nreload\n");
  expect(performance.now() - firstMs).toBeGreaterThan(1_500);
  await eventually("and is in force", async () => (await stage.answer()) === "two");
});

test("an operator's --allow-shrink lets a held change through, and a running render goes on from there", async () => {
  const stage = await renderStage();
  const one = await memcachedThatSays("one");
  const two = await memcachedThatSays("two");
  for (const tag of ["mem1", "mem2", "mem3", "mem4"]) await stage.publish(one, tag);
  const render = stage.start();
  await eventually("all four are at dest", () => stage.read().includes("listen mem4"));
  // All at once: one after the other may be seen so, and then no step is too large.
  const gone = ["mem2", "mem3", "mem4"].map((tag) => ({ KV: { Verb: "delete", Key: `haproxy/memcached/${tag}` } }));
  await stage.consul.request("/v1/txn", { method: "PUT", body: JSON.stringify(gone) });
  await untilLogged(render, /held back/);
  const allowed = await runProgram("render", ["--onetime", "--allow-shrink", ...stage.args]);
  expect(allowed.code).toBe(0);
  expect(stage.read()).not.toContain("listen mem4");
  // HAProxy's master loses a signal that comes while it is still at the last reload.
  await eventually("HAProxy runs it", async () => !(await stage.haproxy.cli("show stat")).includes("mem4"));
  await stage.publish(two);
  await eventually("the running one follows again", async () => (await stage.answer()) === "two");
});
