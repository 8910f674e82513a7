import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { confdirStage } from "../support/confdir.ts";
import { runProgram, startProgram } from "../support/program.ts";

const ROUNDS = 25;
test("a render that is killed at any moment leaves dest whole, and the next one puts the last state in force", async () => {
  const lines = "x\n".repeat(20_000);
  const template = `begin {{getv "/app/n"}}\n${lines}end {{getv "/app/n"}}\n`;
  const stage = confdirStage(
    { a: { template, toml: 'reload_cmd = "cp {{dest}} {{dest}}.in-force"' } },
    { "app/n": "0" },
  );
  const out = stage.dest("a");
  const isWhole = (text: string) => /^begin (\d+)\n(x\n){20000}end \1\n$/.test(text);
  const startMs = performance.now();
  expect((await runProgram("render", ["--onetime", ...stage.args])).code).toBe(0);
  const lifeMs = (performance.now() - startMs) * 1.5;
  for (let n = 1; n <= ROUNDS; n++) {
    writeFileSync(stage.document, JSON.stringify({ "app/n": String(n) }));
    const render = startProgram("render", ["--watch", ...stage.args]);
    await sleep(Math.random() * lifeMs);
    await render.kill();
    expect(isWhole(readFileSync(out, "utf8"))).toBe(true);
  }
  const last = await runProgram("render", ["--onetime", ...stage.args]);
  expect(last.code).toBe(0);
  expect(readFileSync(out, "utf8")).toContain(`end ${ROUNDS}\n`);
  expect(readFileSync(`${out}.in-force`, "utf8")).toBe(readFileSync(out, "utf8"));
  writeFileSync(stage.document, JSON.stringify({ "app/n": "swept" }));
  await runProgram("render", ["--onetime", ...stage.args]);
  expect(readdirSync(join(out, "..")).sort()).toEqual(["a.out", "a.out.in-force", "kv.json", "state"]);
});
