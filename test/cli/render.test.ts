import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { confdirStage, type ResourceText } from "../support/confdir.ts";
import { eventually } from "../support/eventually.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";

const KEYS = { "app/name": "shop", "app/port": "8080" };
const NAME: ResourceText = { template: 'name {{getv "/app/name"}}\n' };

function stage(toml = "", template = NAME.template) {
  const made = confdirStage({ a: { template, toml } }, KEYS);
  return { ...made, out: made.dest("a") };
}

describe("render --onetime", () => {
  test("writes dest and exits with 0; the second time there is nothing to do and nothing is said", async () => {
    const { args, out } = stage();
    const first = await runProgram("render", ["--onetime", ...args]);
    expect(first.code).toBe(0);
    expect(first.stderr).toContain(`wrote ${out}`);
    expect(readFileSync(out, "utf8")).toBe("name shop\n");
    const inode = statSync(out).ino;
    expect(await runProgram("render", ["--onetime", ...args])).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(statSync(out).ino).toBe(inode);
  });

  test("one resource fails: the others are still done, exit code 1", async () => {
    const made = confdirStage({ a: { template: "{{#if}" }, b: NAME, c: { template: '{{getv "/app/nmae"}}' } }, KEYS);
    const { code, stderr } = await runProgram("render", ["--onetime", ...made.args]);
    expect(code).toBe(1);
    expect(readFileSync(made.dest("b"), "utf8")).toBe("name shop\n");
    expect(existsSync(made.dest("a"))).toBe(false);
    expect(stderr).toMatch(/a\.tmpl:1: /);
    expect(stderr).toMatch(/c\.tmpl:1: .*\/app\/nmae/);
  });

  test("only the resource that --resource names is rendered", async () => {
    const made = confdirStage({ a: NAME, b: NAME }, KEYS);
    expect((await runProgram("render", ["--onetime", "--resource", "b", ...made.args])).code).toBe(0);
    expect(existsSync(made.dest("a"))).toBe(false);
    expect(existsSync(made.dest("b"))).toBe(true);
  });

  test("mode is what the resource says, and a wrong mode alone is mended", async () => {
    const { args, out } = stage('mode = "0640"');
    await runProgram("render", ["--onetime", ...args]);
    expect(statSync(out).mode & 0o777).toBe(0o640);
    chmodSync(out, 0o666);
    expect((await runProgram("render", ["--onetime", ...args])).code).toBe(0);
    expect(statSync(out).mode & 0o777).toBe(0o640);
  });

  test("without mode, dest keeps the one it has", async () => {
    const { args, out } = stage();
    writeFileSync(out, "old");
    chmodSync(out, 0o600);
    await runProgram("render", ["--onetime", ...args]);
    expect(statSync(out).mode & 0o777).toBe(0o600);
  });

  test("no staged file is left behind, neither by a success nor by a refusal", async () => {
    const { args, folder, out } = stage('check_cmd = "grep -q NEVER {{src}}"');
    expect((await runProgram("render", ["--onetime", ...args])).code).toBe(1);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).sort()).toEqual(["a.out.refused", "a.out.refused.reason", "kv.json", "state"]);
  });

  test("--keep-stage-file leaves what was staged beside dest", async () => {
    const { args, out } = stage();
    await runProgram("render", ["--onetime", "--keep-stage-file", ...args]);
    expect(readFileSync(`${out}.staged`, "utf8")).toBe(readFileSync(out, "utf8"));
  });

  test("a dest that is a symbolic link stays one; the file behind it is replaced", async () => {
    const { args, folder, out } = stage();
    writeFileSync(join(folder, "real"), "old");
    symlinkSync(join(folder, "real"), out);
    await runProgram("render", ["--onetime", ...args]);
    expect(lstatSync(out).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, "real"), "utf8")).toBe("name shop\n");
  });

  test("owner and group are given by number, and a file that lost them is mended", async () => {
    const { args, out } = stage("uid = 12345\ngid = 54321");
    // Only root can give a file away; anyone else must be told so.
    const first = await runProgram("render", ["--onetime", ...args]);
    if (process.geteuid?.() !== 0) {
      expect(first).toMatchObject({ code: 1, stderr: expect.stringContaining("only root can give a file") });
      return;
    }
    expect(statSync(out)).toMatchObject({ uid: 12345, gid: 54321 });
    chownSync(out, 0, 0);
    await runProgram("render", ["--onetime", ...args]);
    expect(statSync(out)).toMatchObject({ uid: 12345, gid: 54321 });
  });

  test("output_format: a text that does not parse never reaches dest", async () => {
    const { args, out } = stage('output_format = "json"', '{"name": {{getv "/app/name"}} }');
    const { code, stderr } = await runProgram("render", ["--onetime", ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(`the text for ${out} is not json`);
    expect(existsSync(out)).toBe(false);
  });

  test("--prefix stands in front of the resource's own, and templates do not see either", async () => {
    const made = confdirStage(
      { a: { template: '{{getv "/app/name"}}\n', toml: 'prefix = "/shop"' } },
      { "dc1/shop/app/name": "right", "shop/app/name": "wrong", "app/name": "wrong" },
    );
    expect((await runProgram("render", ["--onetime", "--prefix", "/dc1", ...made.args])).code).toBe(0);
    expect(readFileSync(made.dest("a"), "utf8")).toBe("right\n");
  });

  test("confirm_after counts from the first time it was held back, also over several runs", async () => {
    const guard = '[guard]\nallow_empty = false\nconfirm_after = "1h"';
    const { args, out, document, folder } = stage(guard, '{{#each (gets "/app/*")}}{{key}}\n{{/each}}');
    await runProgram("render", ["--onetime", ...args]);
    writeFileSync(document, "{}");
    expect((await runProgram("render", ["--onetime", ...args])).code).toBe(1);
    expect(readFileSync(out, "utf8")).toContain("/app/name");
    const state = join(folder, "state");
    const record = join(state, readdirSync(state).find((name) => name.endsWith(".json")) ?? "no record");
    const { heldSinceMs, ...rest } = JSON.parse(readFileSync(record, "utf8")) as { heldSinceMs: number };
    writeFileSync(record, JSON.stringify({ ...rest, heldSinceMs: heldSinceMs - 3_600_000 }));
    expect((await runProgram("render", ["--onetime", ...args])).code).toBe(0);
    expect(readFileSync(out, "utf8")).toBe("");
  });

  test("a check_cmd that hangs is ended with its whole process group, and dest is untouched", async () => {
    const { args, folder, out } = stage(
      'check_cmd = "sleep 60 & echo $! > FOLDER/pid; wait"\ncheck_cmd_timeout = "300ms"',
    );
    const toml = join(args[1] ?? "", "conf.d/a.toml");
    writeFileSync(toml, readFileSync(toml, "utf8").replace("FOLDER", folder));
    const { code, stderr } = await runProgram("render", ["--onetime", ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain("no end within 300 ms");
    expect(existsSync(out)).toBe(false);
    const pid = readFileSync(join(folder, "pid"), "utf8").trim();
    await eventually(
      "the sleep is gone",
      () => !existsSync(`/proc/${pid}`) || /State:\tZ/.test(readFileSync(`/proc/${pid}/status`, "utf8")),
    );
  });

  test("two resources with one reload_cmd share one run of it", async () => {
    const folder = folderWith({});
    const toml = `reload_cmd = "echo x >> ${folder}/reloads"`;
    const made = confdirStage({ a: { ...NAME, toml }, b: { ...NAME, toml } }, KEYS);
    expect((await runProgram("render", ["--onetime", ...made.args])).code).toBe(0);
    expect(readFileSync(join(folder, "reloads"), "utf8")).toBe("x\n");
  });

  test("a store that is not there is one clear line, exit code 1", async () => {
    const { args } = stage();
    const { code, stderr } = await runProgram("render", ["--onetime", ...args.slice(0, 4), "--consul", "127.0.0.1:1"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error\[E_STORE_UNREACHABLE\] /);
    expect(stderr).not.toContain("    at ");
  });
});

describe("render --noop", () => {
  test("says what it would do, shows the difference, writes nothing", async () => {
    const { args, folder, out } = stage('reload_cmd = "touch FOLDER/reloaded"');
    writeFileSync(out, "name old\n");
    const before = readdirSync(folder);
    const { code, stdout, stderr } = await runProgram("render", ["--noop", "--diff", ...args]);
    expect(code).toBe(0);
    expect(stderr).toContain(`would write ${out}`);
    expect(stdout).toContain("-name old\n+name shop\n");
    expect(readFileSync(out, "utf8")).toBe("name old\n");
    expect(readdirSync(folder)).toEqual(before);
  });
});

describe("render --sync-only", () => {
  test("writes the file and runs no command; the reload is then due for the next run", async () => {
    const folder = folderWith({});
    const made = confdirStage(
      { a: { ...NAME, toml: `check_cmd = "false"\nreload_cmd = "touch ${folder}/reloaded"` } },
      KEYS,
    );
    expect((await runProgram("render", ["--onetime", "--sync-only", ...made.args])).code).toBe(0);
    expect(readFileSync(made.dest("a"), "utf8")).toBe("name shop\n");
    expect(existsSync(join(folder, "reloaded"))).toBe(false);
    expect((await runProgram("render", ["--onetime", ...made.args])).code).toBe(0);
    expect(existsSync(join(folder, "reloaded"))).toBe(true);
  });
});

describe("render --watch and --interval", () => {
  test("without a mode it watches; a changed document is rendered; SIGTERM ends it with 0", async () => {
    const { args, out, document } = stage();
    const render = startProgram("render", args);
    await eventually("the first text", () => readFileSync(out, "utf8") === "name shop\n");
    writeFileSync(document, JSON.stringify({ ...KEYS, "app/name": "bakery" }));
    await eventually("the second text", () => readFileSync(out, "utf8") === "name bakery\n");
    expect(await render.stop()).toEqual({ code: 0, signal: null });
  });

  test("--interval asks again", async () => {
    const { args, out, document } = stage();
    startProgram("render", ["--interval", "50ms", ...args]);
    await eventually("the first text", () => readFileSync(out, "utf8") === "name shop\n");
    writeFileSync(document, JSON.stringify({ ...KEYS, "app/name": "bakery" }));
    await eventually("the second text", () => readFileSync(out, "utf8") === "name bakery\n");
  });

  test("--splay puts a change off, but not the first look", async () => {
    const made = confdirStage({ a: NAME }, KEYS);
    const prompt = confdirStage({ a: NAME }, KEYS);
    const store = made.args.slice(-2);
    // A random part of 100 days: that it is over by the end of this test happens once in a million runs.
    startProgram("render", ["--watch", "--splay", "100d", ...made.args]);
    startProgram("render", ["--watch", ...prompt.args.slice(0, -2), ...store]);
    const texts = () => [made, prompt].map((each) => readFileSync(each.dest("a"), "utf8"));
    await eventually("both have the first text", () => texts().every((text) => text === "name shop\n"));
    for (const name of ["one", "two"]) {
      writeFileSync(made.document, JSON.stringify({ ...KEYS, "app/name": name }));
      await eventually(`the other one has ${name}`, () => texts()[1] === `name ${name}\n`);
    }
    expect(texts()[0]).toBe("name shop\n");
  });

  test("--missing wait: the file comes when the key does", async () => {
    const { args, out, document } = stage("", '{{getv "/app/later"}}\n');
    const render = startProgram("render", ["--missing", "wait", ...args]);
    await untilLogged(render, /waiting.*\/app\/later/);
    expect(existsSync(out)).toBe(false);
    writeFileSync(document, JSON.stringify({ ...KEYS, "app/later": "now" }));
    await eventually("the text", () => readFileSync(out, "utf8") === "now\n");
  });

  test("SIGHUP reads the config file and the resources anew, and a bad one of either is not used", async () => {
    const { args, confdir, document, out } = stage();
    const config = join(confdir, "confd-haproxy.toml");
    const toml = join(confdir, "conf.d/a.toml");
    const other = folderWith({ "kv.json": JSON.stringify({ "app/name": "elsewhere" }) });
    writeFileSync(config, `store = "file:${document}"\n`);
    const render = startProgram("render", args.slice(0, 4));
    await eventually("the first text", () => readFileSync(out, "utf8") === "name shop\n");

    writeFileSync(config, "store = 1\nstoer = 2\n");
    render.signal("SIGHUP");
    await untilLogged(render, /not used: .*unknown key "stoer"/);
    writeFileSync(config, `store = "file:${other}/kv.json"\n`);
    const good = readFileSync(toml, "utf8");
    writeFileSync(toml, good.replace("dest", "dets"));
    render.signal("SIGHUP");
    await untilLogged(render, /not used: .*unknown key "dets"/);
    expect(readFileSync(out, "utf8")).toBe("name shop\n");

    writeFileSync(toml, good);
    render.signal("SIGHUP");
    await eventually("the other store is followed", () => readFileSync(out, "utf8") === "name elsewhere\n");
    expect(await render.stop()).toEqual({ code: 0, signal: null });
  });

  test("a second signal ends it at once, with the hanging reload", async () => {
    const folder = folderWith({});
    const { args } = stage(`reload_cmd = "echo $$ > ${folder}/pid; exec sleep 60"`);
    const render = startProgram("render", args);
    const pid = await eventually(
      "the reload runs",
      () => existsSync(join(folder, "pid")) && readFileSync(join(folder, "pid"), "utf8").trim(),
    );
    render.signal("SIGTERM");
    render.signal("SIGINT");
    expect((await render.exited).code).toBe(1);
    await eventually(
      "the reload is gone",
      () => !existsSync(`/proc/${pid}`) || /State:\tZ/.test(readFileSync(`/proc/${pid}/status`, "utf8")),
    );
  });
});

describe("wrong usage and configuration: exit code 2, one line, nothing touched", () => {
  const cases: { readonly sentence: string; readonly args: readonly string[]; readonly says: RegExp }[] = [
    { sentence: "an unknown flag", args: ["--wacth"], says: /error\[E_USAGE\] unknown option '--wacth'[\s\S]*--watch/ },
    { sentence: "two modes", args: ["--onetime", "--watch"], says: /--onetime does not go with --watch/ },
    {
      sentence: "a folder without resources",
      args: ["--onetime", "--confdir", "/nonexistent"],
      says: /error\[E_CONFIG\] cannot read \/nonexistent\/conf\.d/,
    },
    {
      sentence: "a store that is none",
      args: ["--onetime", "--store", "redis://x"],
      says: /--store: "redis:\/\/x" is not understood/,
    },
    { sentence: "a word that is no flag", args: ["once"], says: /error\[E_USAGE\]/ },
    {
      sentence: "a level that is none",
      args: ["--log-level", "loud"],
      says: /--log-level: "loud" is not one of debug, info, warn, error/,
    },
  ];
  for (const { sentence, args, says } of cases) {
    test(sentence, async () => {
      const { code, stderr, stdout } = await runProgram("render", args);
      expect(code).toBe(2);
      expect(stderr).toMatch(says);
      expect(stdout).toBe("");
    });
  }

  test("two resources with one dest", async () => {
    const { args, confdir, out } = stage();
    writeFileSync(join(confdir, "conf.d/b.toml"), readFileSync(join(confdir, "conf.d/a.toml")));
    const { code, stderr } = await runProgram("render", ["--onetime", ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/b\.toml and .*a\.toml have one dest/);
    expect(existsSync(out)).toBe(false);
  });

  test("--resource with a name that is nearly right", async () => {
    const { args } = stage();
    const { code, stderr } = await runProgram("render", ["--onetime", "--resource", "b", ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/there is no "b"[\s\S]*"a"/);
  });
});

describe("where options come from", () => {
  test("confd's single-dash flags, the environment and the config file work", async () => {
    const { args, confdir, folder, out } = stage();
    writeFileSync(join(confdir, "confd-haproxy.toml"), `store = "file:${folder}/kv.json"\nlog_level = "error"\n`);
    const env = { CONFD_HAPROXY_STATE_DIR: join(folder, "state") };
    const { code, stderr } = await runProgram("render", ["-onetime", "-confdir", args[1] ?? ""], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(out, "utf8")).toBe("name shop\n");
  });

  test("an unknown key of the config file is an error", async () => {
    const { args, confdir } = stage();
    writeFileSync(join(confdir, "confd-haproxy.toml"), 'log_levle = "error"\n');
    const { code, stderr } = await runProgram("render", ["--onetime", ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/unknown key "log_levle"[\s\S]*log-level/);
  });

  test("--log-format json prints one object per line", async () => {
    const { args, out } = stage();
    const { stderr } = await runProgram("render", ["--onetime", "--log-format", "json", ...args]);
    const lines = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toEqual([expect.objectContaining({ level: "info", msg: `wrote ${out}`, resource: "a" })]);
  });
});
