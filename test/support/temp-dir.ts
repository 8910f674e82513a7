import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { releaseLater } from "./releases.ts";

/** A new empty folder that goes away with the test. Others may pass through it: a server under another user must. */
export function tempDir(name = "test"): string {
  const path = mkdtempSync(join(tmpdir(), `confd-haproxy-${name}-`));
  chmodSync(path, 0o711);
  releaseLater(path, () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}
