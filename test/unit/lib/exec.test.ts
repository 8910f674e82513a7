import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCommand } from "../../../src/lib/exec.ts";
import { eventually } from "../../support/eventually.ts";
import { tempDir } from "../../support/temp-dir.ts";

const signal = new AbortController().signal;

function gone(pid: string): boolean {
  return !existsSync(`/proc/${pid}`) || /State:\tZ/.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

test("a command's output and exit code are told, stdout and stderr in the order they came", async () => {
  expect(await runCommand("echo one; echo two >&2; exit 3", { signal, timeoutMs: 10_000 })).toMatchObject({
    ok: false,
    ending: "exit code 3",
    output: "one\ntwo",
  });
  expect(await runCommand("true", { signal, timeoutMs: 10_000 })).toMatchObject({ ok: true, output: "" });
});

test("a daemon that a command leaves behind with its output open does not keep us waiting", async () => {
  const pidFile = join(tempDir(), "pid");
  const result = await runCommand(`sleep 60 & echo $! > ${pidFile}; echo started`, { signal, timeoutMs: 30_000 });
  expect(result).toMatchObject({ ok: true, output: "started" });
  const pid = readFileSync(pidFile, "utf8").trim();
  expect(gone(pid)).toBe(false);
  process.kill(Number(pid), "SIGKILL");
});

test("past the timeout the whole group is ended, also what ignores SIGTERM", async () => {
  const pidFile = join(tempDir(), "pid");
  const command = `(trap '' TERM; echo $$ > /dev/null; sleep 60 & echo $! > ${pidFile}; wait) ; sleep 60`;
  const result = await runCommand(command, { signal, timeoutMs: 200 });
  expect(result).toMatchObject({ ok: false, ending: "no end within 200 ms" });
  await eventually("the grandchild is gone", () => gone(readFileSync(pidFile, "utf8").trim()));
});

test("an abort ends it and says so", async () => {
  const controller = new AbortController();
  const pidFile = join(tempDir(), "pid");
  const running = runCommand(`echo $$ > ${pidFile}; exec sleep 60`, { signal: controller.signal, timeoutMs: 30_000 });
  await eventually("it runs", () => existsSync(pidFile) && readFileSync(pidFile, "utf8").trim());
  controller.abort(new Error("enough"));
  expect((await running).ending).toContain("told to stop");
  expect(gone(readFileSync(pidFile, "utf8").trim())).toBe(true);
});

test("only the end of a flood of output is kept", async () => {
  const result = await runCommand("yes x | head -c 1000000; echo; echo the end", { signal, timeoutMs: 30_000 });
  expect(result.output.length).toBeLessThan(20_000);
  expect(result.output.endsWith("the end")).toBe(true);
});
