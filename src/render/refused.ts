import { renameSync, rmSync, writeFileSync } from "node:fs";

/**
 * Keeps a file that `check_cmd` refused at `<dest>.refused`, and why at `<dest>.refused.reason`, where a
 * person can read both. HAProxy loads only `.cfg` files of a folder, so neither is ever picked up.
 */
export function keepRefused(stage: string, dest: string, reason: string): void {
  renameSync(stage, `${dest}.refused`);
  writeFileSync(`${dest}.refused.reason`, `${reason}\n`);
}

/** Takes an older refusal away once dest is good again, so that nobody reads it as today's. */
export function forgetRefused(dest: string): void {
  rmSync(`${dest}.refused`, { force: true });
  rmSync(`${dest}.refused.reason`, { force: true });
}
