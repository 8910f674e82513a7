import type { Call } from "../core/call.ts";
import { AppError } from "../core/errors.ts";
import type { TemplateResource } from "../core/resource.ts";
import { runCommand } from "../lib/exec.ts";
import { commandLine } from "./command-line.ts";
import { keepRefused } from "./refused.ts";

/**
 * Runs `check_cmd` on the staged file. Resolves to how long it took, ms. Throws E_CHECK_CMD when the command
 * refuses; the stage and the reason are then kept beside dest.
 */
export async function checkStage(resource: TemplateResource, stage: string, call: Call): Promise<number> {
  if (resource.checkCmd === undefined) return 0;
  const line = commandLine(resource.checkCmd, { src: stage, dest: resource.dest });
  const result = await runCommand(line, { signal: call.signal, timeoutMs: resource.checkTimeoutMs });
  if (result.ok) return result.tookMs;
  keepRefused(stage, resource.dest, `${line}: ${result.ending}\n${result.output}`);
  const said =
    result.output === "" ? "it printed nothing" : result.output.replaceAll(stage, `${resource.dest}.refused`);
  throw new AppError("E_CHECK_CMD", `check_cmd refused the new ${resource.dest} (${result.ending}): ${said}`, {
    hint: `the old file stays; look at ${resource.dest}.refused and ${resource.dest}.refused.reason`,
  });
}
