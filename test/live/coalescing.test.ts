import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { folderWith, startProgram } from "../support/program.ts";

/** From src/render/watch.ts: passes over one resource begin at least this far apart, ms. */
const QUIET_MS = 100;

async function stage(toml = "") {
  const consul = await startConsul();
  await consul.kv.put("app/k0", "first");
  const dir = folderWith({});
  const [out, checks, reloads] = [join(dir, "out"), join(dir, "checks"), join(dir, "reloads")];
  const confdir = folderWith({
    "templates/t.tmpl": '{{#each (gets "/app/*")}}{{key}}={{value}}\n{{/each}}',
    "conf.d/t.toml": `[template]
src = "t.tmpl"
dest = "${out}"
keys = ["/app/"]
check_cmd = "echo x >> ${checks}"
reload_cmd = "echo x >> ${reloads}; cp {{dest}} ${dir}/in-force"
${toml}`,
  });
  const store = `${consul.address}:${consul.port}`;
  startProgram("render", ["--confdir", confdir, "--state-dir", join(dir, "state"), "--consul", store]);
  const read = (name: string) => readFileSync(join(dir, name), "utf8");
  await eventually("the first text is in force", () => read("in-force") === "/app/k0=first\n");
  return { consul, read, count: (name: string) => read(name).length / 2 };
}

async function writeAll(consul: Consul, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await consul.kv.put(`app/k${n % 20}`, String(n));
}

test("of a storm of writes there is at most one check and one reload per quiet time, and the last write is in force", async () => {
  const { consul, read, count } = await stage();
  const startMs = performance.now();
  const before = count("checks");
  await writeAll(consul, 400);
  await consul.kv.put("app/k0", "last");
  await eventually("the last write is in force", () => read("in-force").startsWith("/app/k0=last\n"));
  const most = (performance.now() - startMs) / QUIET_MS + 1;
  expect(read("in-force")).toBe(read("out"));
  expect(read("in-force")).toContain("/app/k19=399\n");
  expect(count("checks") - before).toBeLessThanOrEqual(most);
  expect(count("reloads")).toBe(count("checks"));
});

test("with debounce a burst is one pass, after it has calmed down", async () => {
  const { consul, read, count } = await stage('debounce = "1s"');
  const before = count("checks");
  await writeAll(consul, 20);
  await eventually("the burst is in force", () => read("in-force").includes("/app/k19=19\n"));
  expect(count("checks") - before).toBe(1);
});

test("a stream that never calms down cannot starve a debounce", async () => {
  const { consul, read } = await stage('debounce = "300ms"');
  const before = read("in-force");
  let n = 0;
  await eventually("something of the stream is in force while it goes on", async () => {
    await consul.kv.put("app/k1", String(n++));
    await sleep(20);
    return read("in-force") !== before;
  });
});

test("a write of the same value is no change: no check, no reload", async () => {
  const { consul, read, count } = await stage();
  await consul.kv.put("app/k0", "first");
  await consul.kv.put("elsewhere/k0", "x");
  await consul.kv.put("app/k1", "second");
  await eventually("the real change is in force", () => read("in-force").includes("/app/k1=second\n"));
  expect(count("checks")).toBe(2);
  expect(count("reloads")).toBe(2);
});
