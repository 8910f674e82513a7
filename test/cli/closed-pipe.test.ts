import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";

const CHECKERS = join(import.meta.dirname, "../../dist/checkers.js");

test("help that nobody reads to its end is no error", async () => {
  const child = spawn(process.execPath, [CHECKERS, "mysqlslave", "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, "close");
  expect([code, stderr]).toEqual([0, ""]);
});
