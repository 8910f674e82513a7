import { readFileSync } from "node:fs";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Haproxy, ReloadOutcome } from "../core/haproxy.ts";
import type { Logger } from "../core/logger.ts";
import type { TemplateResource } from "../core/resource.ts";
import { formatMs } from "../lib/duration.ts";
import { runCommand } from "../lib/exec.ts";
import type { Records } from "./records.ts";
import { groupReloads, type ReloadGroup } from "./reload-groups.ts";
import { isHeldUp } from "./reload-hold.ts";

/** A reload that did not succeed. */
export interface ReloadFailure {
  readonly error: AppError;
  /** Whose dest HAProxy does not take; empty where it cannot be told, and the reload is tried again. */
  readonly refused: readonly TemplateResource[];
}

/** Makes what runs agree with what is at dest, by a reload, until it has succeeded. */
export interface Reloader {
  /** A new file is at this dest: an earlier failure says nothing about it, so its reload is due at once. */
  changed(resource: TemplateResource): void;
  /** How long until a reload may run, ms (0: now); undefined when none is outstanding. */
  dueInMs(): number | undefined;
  /** Runs each reload that is due once; resolves to what failed. `call.signal` ends a running command. */
  runDue(call: Call): Promise<readonly ReloadFailure[]>;
}

/** What the reloader works with. */
export interface ReloaderDeps {
  readonly records: Records;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Those that read this resource's dest; undefined where none is named. */
  readonly haproxyOf: (resource: TemplateResource) => Haproxy | undefined;
}

/** What is outstanding is read from `records`, so a reload that a killed process owed is found here again. */
export function createReloader(resources: readonly TemplateResource[], deps: ReloaderDeps): Reloader {
  const { records, clock, logger } = deps;
  const groups = groupReloads(resources, deps.haproxyOf);

  function outstanding(group: ReloadGroup): readonly TemplateResource[] {
    return group.resources.filter((resource) => !records.get(resource.dest).applied);
  }

  function groupDueInMs(group: ReloadGroup): number | undefined {
    const owing = outstanding(group);
    if (owing.length === 0) return undefined;
    const throttle = Math.max(...owing.map((resource) => throttledForMs(resource)));
    return Math.max(0, throttle, group.notBeforeMs - clock.monotonicMs());
  }

  /** A wall clock that was set back must not make the wait longer than the interval itself. */
  function throttledForMs(resource: TemplateResource): number {
    const { minReloadIntervalMs } = resource;
    const left = records.get(resource.dest).reloadedAtMs + minReloadIntervalMs - clock.wallMs();
    return Math.min(left, minReloadIntervalMs);
  }

  async function reload(group: ReloadGroup, call: Call): Promise<ReloadFailure | undefined> {
    const owing = outstanding(group);
    const names = owing.map((resource) => resource.name).join(", ");
    const timeoutMs = Math.max(...owing.map((resource) => resource.reloadTimeoutMs));
    const startedMs = clock.monotonicMs();
    const { texts, outcome } = await carryOut(group, owing, { signal: call.signal, timeoutMs });
    const isStuck = outcome.result === "unclear" && outcome.differs !== undefined && outcome.differs === group.differs;
    group.differs = outcome.result === "unclear" ? outcome.differs : undefined;
    if (outcome.result !== "loaded" && !isStuck) return fail(group, { outcome, names, owing });
    for (const { dest } of owing) {
      const text = texts.get(dest);
      if (text !== undefined) records.setRunning(dest, text);
      records.update(dest, { applied: true, addressesOnly: false, reloadedAtMs: clock.wallMs() });
    }
    group.backoff.reset();
    group.notBeforeMs = 0;
    tellReloaded(logger, { outcome, names, line: group.line, tookMs: clock.monotonicMs() - startedMs });
    return undefined;
  }

  function fail(
    group: ReloadGroup,
    { outcome, names, owing }: { outcome: Failed; names: string; owing: readonly TemplateResource[] },
  ): ReloadFailure {
    const what = group.line === undefined ? `the reload for ${names}` : `reload_cmd of ${names}`;
    const waitMs = group.backoff.next();
    group.notBeforeMs = clock.monotonicMs() + waitMs;
    if (outcome.result === "refused") {
      const text = `${what}: HAProxy did not take the new file and goes on with the one before: ${outcome.says}`;
      return { error: new AppError("E_RELOAD", text), refused: owing };
    }
    const hint = `the new file is at dest but not in force; the reload is tried again in ${formatMs(waitMs)} or at the next run`;
    return { error: new AppError("E_RELOAD", `${what} failed: ${outcome.says}`, { hint }), refused: [] };
  }

  async function carryOut(
    { line, haproxy }: ReloadGroup,
    owing: readonly TemplateResource[],
    call: Call & { readonly timeoutMs: number },
  ): Promise<{ readonly outcome: ReloadOutcome; readonly texts: ReadonlyMap<string, string> }> {
    const texts = new Map<string, string>();
    const command = line === undefined ? undefined : (within: Call) => runReload(line, { ...call, ...within });
    try {
      if (haproxy !== undefined) for (const { dest } of owing) texts.set(dest, readDest(dest));
      const before = owing.flatMap(({ dest }) => records.running(dest) ?? []);
      const outcome = await haproxy?.reload({ texts: [...texts.values()], before, command }, call);
      if (outcome !== undefined) return { outcome, texts };
      await command?.(call);
      return { outcome: { result: "loaded", notes: [], warnings: [] }, texts };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { outcome: { result: "unclear", says: errorText(error) }, texts };
    }
  }

  return {
    changed(resource) {
      for (const group of groups) {
        if (!group.resources.includes(resource)) continue;
        group.backoff.reset();
        group.notBeforeMs = 0;
      }
    },
    dueInMs() {
      const waits = groups.map(groupDueInMs).filter((ms) => ms !== undefined);
      return waits.length === 0 ? undefined : Math.min(...waits);
    },
    async runDue(call) {
      const failures: ReloadFailure[] = [];
      for (const group of groups) {
        if (groupDueInMs(group) !== 0 || (await isHeldUp(group, call, deps))) continue;
        const failure = await reload(group, call);
        if (failure !== undefined) failures.push(failure);
      }
      return failures;
    },
  };
}

type Failed = Exclude<ReloadOutcome, { readonly result: "loaded" }>;

interface Reloaded {
  readonly outcome: ReloadOutcome;
  readonly names: string;
  readonly line: string | undefined;
  readonly tookMs: number;
}

function tellReloaded(logger: Logger, done: Reloaded): void {
  const { outcome, names, line, tookMs } = done;
  logger.info("reloaded", { resource: names, command: line, took: formatMs(tookMs) });
  if (outcome.result === "loaded") {
    for (const note of outcome.notes) logger.info(note, { resource: names });
    for (const warning of outcome.warnings) logger.warn(warning, { resource: names });
  } else {
    const hint =
      "another reload would not change it, so none is done; is the socket that of the HAProxy that reads this file?";
    logger.warn(`after two reloads HAProxy still differs from its file: ${outcome.says}`, { resource: names, hint });
  }
}

async function runReload(line: string, call: Call & { readonly timeoutMs: number }): Promise<void> {
  const result = await runCommand(line, call);
  if (!result.ok) throw new AppError("E_RELOAD", `${result.ending}: ${result.output || "it printed nothing"}`);
}

function readDest(dest: string): string {
  try {
    return readFileSync(dest, "utf8");
  } catch (error) {
    throw new AppError("E_FILE", `reading ${dest} before the reload`, { cause: error });
  }
}
