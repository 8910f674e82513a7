import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { TemplateResource } from "../core/resource.ts";
import { type Backoff, createBackoff } from "../lib/backoff.ts";
import { formatMs } from "../lib/duration.ts";
import { runCommand } from "../lib/exec.ts";
import { commandLine } from "./command-line.ts";
import type { Records } from "./records.ts";

/** How soon a failed reload is tried again, ms. */
const RETRY = { firstMs: 1_000, maxMs: 30_000 };

/** Makes what runs agree with what is at dest, by `reload_cmd`, until it has succeeded. */
export interface Reloader {
  /** A new file is at this dest: an earlier failure says nothing about it, so its reload is due at once. */
  changed(resource: TemplateResource): void;
  /** How long until a reload may run, ms (0: now); undefined when none is outstanding. */
  dueInMs(): number | undefined;
  /** Runs each reload command that is due once; resolves to the errors. `call.signal` ends a running command. */
  runDue(call: Call): Promise<readonly AppError[]>;
}

/** One reload command and the resources that share it. */
interface Group {
  readonly line: string;
  readonly resources: readonly TemplateResource[];
  readonly backoff: Backoff;
  retryAtMs: number;
}

/** What is outstanding is read from `records`, so a reload that a killed process owed is found here again. */
export function createReloader(
  resources: readonly TemplateResource[],
  deps: { readonly records: Records; readonly clock: Clock; readonly logger: Logger },
): Reloader {
  const { records, clock, logger } = deps;
  const groups = groupByCommand(resources);

  function outstanding(group: Group): readonly TemplateResource[] {
    return group.resources.filter((resource) => !records.get(resource.dest).applied);
  }

  function groupDueInMs(group: Group): number | undefined {
    const owing = outstanding(group);
    if (owing.length === 0) return undefined;
    const throttle = Math.max(...owing.map((resource) => throttledForMs(resource)));
    return Math.max(0, throttle, group.retryAtMs - clock.monotonicMs());
  }

  /** A wall clock that was set back must not make the wait longer than the interval itself. */
  function throttledForMs(resource: TemplateResource): number {
    const { minReloadIntervalMs } = resource;
    const left = records.get(resource.dest).reloadedAtMs + minReloadIntervalMs - clock.wallMs();
    return Math.min(left, minReloadIntervalMs);
  }

  async function reload(group: Group, call: Call): Promise<AppError | undefined> {
    const owing = outstanding(group);
    const names = owing.map((resource) => resource.name).join(", ");
    const timeoutMs = Math.max(...owing.map((resource) => resource.reloadTimeoutMs));
    const result = await runCommand(group.line, { signal: call.signal, timeoutMs });
    if (result.ok) {
      for (const { dest } of owing) records.update(dest, { applied: true, reloadedAtMs: clock.wallMs() });
      group.backoff.reset();
      group.retryAtMs = 0;
      logger.info("reloaded", { resource: names, command: group.line, took: formatMs(result.tookMs) });
      return undefined;
    }
    const waitMs = group.backoff.next();
    group.retryAtMs = clock.monotonicMs() + waitMs;
    return new AppError(
      "E_RELOAD",
      `reload_cmd of ${names} failed (${result.ending}): ${result.output || "it printed nothing"}`,
      {
        hint: `the new file is at dest but not in force; the reload is tried again in ${formatMs(waitMs)} or at the next run`,
      },
    );
  }

  return {
    changed(resource) {
      for (const group of groups) {
        if (!group.resources.includes(resource)) continue;
        group.backoff.reset();
        group.retryAtMs = 0;
      }
    },
    dueInMs() {
      const waits = groups.map(groupDueInMs).filter((ms) => ms !== undefined);
      return waits.length === 0 ? undefined : Math.min(...waits);
    },
    async runDue(call) {
      const errors: AppError[] = [];
      for (const group of groups) {
        if (groupDueInMs(group) !== 0) continue;
        const error = await reload(group, call);
        if (error !== undefined) errors.push(error);
      }
      return errors;
    },
  };
}

/** `{{src}}` in a reload command is dest: the stage has been renamed away by then. */
function groupByCommand(resources: readonly TemplateResource[]): readonly Group[] {
  const byLine = new Map<string, TemplateResource[]>();
  for (const resource of resources) {
    if (resource.reloadCmd === undefined) continue;
    const line = commandLine(resource.reloadCmd, { src: resource.dest, dest: resource.dest });
    byLine.set(line, [...(byLine.get(line) ?? []), resource]);
  }
  return [...byLine].map(([line, members]) => ({
    line,
    resources: members,
    backoff: createBackoff(RETRY),
    retryAtMs: 0,
  }));
}
