import { type CheckersFile, type CheckerTable, readCheckersFile } from "../config/checkers-file.ts";
import { readConfSection } from "../config/conf-section.ts";
import { isReadableByEverybody } from "../config/exposed-file.ts";
import { rejectUnknown, resolveOptions, type Values } from "../config/resolve.ts";
import { storeOptions } from "../config/store.ts";
import type { Checker } from "../core/checker.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { type Kinds, openKinds } from "./checkers-kinds.ts";
import { exposed, exposures } from "./checkers-one.ts";
import { DEFAULTS_FLAGS, groupOf, TOP_FLAGS, tableFlagsOf } from "./checkers-options.ts";
import { type CheckersPlan, type PlannedGroup, planGroup, pluginsOf, type ReadPlan } from "./checkers-plan.ts";
import { proveGroup } from "./checkers-proof.ts";

/** What `checkers --config` was called with. */
export interface ConfigLine {
  readonly file: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads the plan of `checkers --config`. "followed" reads what belongs to the file as it was when last it was good. */
export function createConfigReader(line: ConfigLine, clock: Clock): ReadPlan {
  let last: CheckersFile | undefined;
  return async (what) => {
    const file = what === "followed" && last !== undefined ? last : readCheckersFile(line.file);
    const plan = await planMany(file, line, clock);
    last = file;
    return plan;
  };
}

/** Throws E_CONFIG that tells all that is wrong with the tables, not only the first. */
async function planMany(file: CheckersFile, line: ConfigLine, clock: Clock): Promise<CheckersPlan> {
  const { flags, env } = line;
  const top = { flags, env, files: [file.top] };
  const values = resolveOptions(TOP_FLAGS, top);
  const store = storeOptions(values);
  resolveOptions(DEFAULTS_FLAGS, { flags: {}, env: {}, files: [file.defaults] });
  const kinds = await openKinds(pluginsOf(values["plugin"]));
  const problems: AppError[] = [];
  const planned: PlannedTable[] = [];
  for (const table of file.tables) {
    try {
      planned.push(await planTable(table, { file, line, kinds, store, clock }));
    } catch (error) {
      problems.push(inPlace(table.own.name, error));
    }
  }
  if (problems.length > 0) throw together(problems);
  const groups = planned.map(({ group }) => group);
  return {
    groups,
    store,
    shared: true,
    values: groups.some(({ options }) => options.verbose) ? { ...values, verbose: true } : values,
    followed: [...new Set(file.tables.flatMap(({ conf }) => conf ?? []))],
    warnings: [...new Set([...topExposures(file, planned), ...planned.flatMap(({ warnings }) => warnings)])],
  };
}

interface PlannedTable {
  readonly group: PlannedGroup;
  readonly holdsSecret: boolean;
  readonly warnings: readonly string[];
}

interface TableContext {
  readonly file: CheckersFile;
  readonly line: ConfigLine;
  readonly kinds: Kinds;
  readonly store: StoreOptions;
  readonly clock: Clock;
}

async function planTable(table: CheckerTable, context: TableContext): Promise<PlannedTable> {
  const { file, line, kinds, store, clock } = context;
  const { tag, own, conf } = table;
  const checker = await kinds.load(table.kind);
  const specs = tableFlagsOf(checker);
  rejectUnknown(specs, own);
  const section = conf === undefined ? [] : [readConfSection(conf, tag, checker.options)];
  const files = [own, ...section, file.defaults];
  const values: Values = { ...resolveOptions(specs, { flags: line.flags, env: line.env, files }), tag };
  const group = planGroup(checker, groupOf(checker, tag, values));
  await proveGroup(group, store, clock);
  return {
    group,
    holdsSecret: holdsSecret(checker, own.values),
    warnings: conf === undefined ? [] : exposures(conf, checker, section),
  };
}

function holdsSecret(checker: Checker, values: Readonly<Record<string, unknown>>): boolean {
  return checker.options.some(({ name, secret }) => secret && (name in values || name.replaceAll("-", "_") in values));
}

function topExposures(file: CheckersFile, planned: readonly PlannedTable[]): readonly string[] {
  const held = "token" in file.top.values || planned.some(({ holdsSecret }) => holdsSecret);
  return held && isReadableByEverybody(file.name) ? [exposed(file.name)] : [];
}

/** The complaint of an option knows only its flag; a bug goes its own way. */
function inPlace(where: string, error: unknown): AppError {
  if (!(error instanceof AppError) || error.exitCode !== 2) throw error;
  if (error.message.startsWith(where)) return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new AppError("E_CONFIG", `${where}: ${error.message.replace(/^--/, "")}`, { cause: error.cause, ...hint });
}

function together(problems: readonly AppError[]): AppError {
  const [first] = problems;
  if (first !== undefined && problems.length === 1) return first;
  const lines = problems.map(({ message, hint }) => `  ${message}${hint === undefined ? "" : `\n    hint: ${hint}`}`);
  return new AppError("E_CONFIG", `${problems.length} tables cannot be used:\n${lines.join("\n")}`);
}
