import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { launch } from "../support/launch.ts";
import { folderWith, runProgram } from "../support/program.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/agent-check.md"), "utf8");

/** The blocks of one language. */
function blocks(language: string): readonly string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, text = ""]) => text);
}

async function haproxyAccepts(config: string): Promise<string> {
  const dir = folderWith({
    "haproxy.cfg": `${config}\nlisten door\n    mode tcp\n    bind 127.0.0.1:1\n    timeout client 1s\n    timeout connect 1s\n    timeout server 1s\n`,
  });
  const haproxy = launch("haproxy", ["-c", "-f", join(dir, "haproxy.cfg")]);
  const { code } = await haproxy.exited;
  return code === 0 && !haproxy.stderr().includes("WARNING") ? "accepted" : haproxy.stderr();
}

test("HAProxy takes each piece of configuration on the page, without a warning", async () => {
  expect(blocks("haproxy")).toHaveLength(2);
  for (const config of blocks("haproxy")) expect(await haproxyAccepts(config)).toBe("accepted");
});

test("HAProxy cannot ask over a unix socket", async () => {
  const config = "backend b\n    server s 127.0.0.1:1 agent-check agent-port 1 agent-addr unix@/run/agent.sock\n";
  expect(await haproxyAccepts(config)).toContain("parsing agent-addr failed");
});

test("checkers take the file on the page", async () => {
  expect(blocks("toml")).toHaveLength(1);
  const dir = folderWith({ "checkers.toml": blocks("toml")[0] ?? "" });
  const args = ["--config", join(dir, "checkers.toml"), "--once", "--dry-run", "--store", `file:${dir}`];
  const { code, stderr } = await runProgram("checkers", args);
  expect([code, stderr]).toEqual([1, expect.not.stringContaining("error[")]);
});
