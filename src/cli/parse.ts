import { Command, CommanderError, Option } from "commander";
import type { Flag } from "../config/flag.ts";
import { LOG_SECTION } from "../config/flags-common.ts";
import { AppError } from "../core/errors.ts";
import { spellOut } from "./dashes.ts";

/** A command line, understood: the flags as typed, by name, and the words that are no flags. */
export interface ParsedLine {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly words: readonly string[];
}

/** What a command looks like in `--help`. */
export interface CommandShape {
  /** As the user writes it: `render`, `checkers memcached`. */
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** Words that are no flags, e.g. `<key>`. */
  readonly words?: string;
  /** Stands below the options. */
  readonly epilog?: string;
}

/**
 * Parses one command's words. Undefined when `--help` was asked for and printed. Throws E_USAGE with
 * commander's own suggestion for a flag it does not know.
 */
export function parseLine(shape: CommandShape, argv: readonly string[]): ParsedLine | undefined {
  const command = build(shape);
  const { words, guesses } = spellOut(shape.flags, argv);
  try {
    command.parse(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    const hint = [...guesses, `see ${shape.name} --help`].join("; ");
    throw new AppError("E_USAGE", wordsOf(error, command), { hint });
  }
  return { flags: byFlagName(shape.flags, command.opts()), words: command.args };
}

/** In one line; commander counts words that are too many and does not name them. */
function wordsOf({ code, message }: CommanderError, command: Command): string {
  if (code === "commander.excessArguments") {
    return `too many arguments: ${command.args.slice(command.registeredArguments.length).join(" ")}`;
  }
  return message.replace(/^error: /, "").replace(/\n\(Did/, " (did");
}

function build(shape: CommandShape): Command {
  const command = new Command(shape.name)
    .description(shape.summary)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .addHelpOption(new Option(helpFlags(shape), "show this help").helpGroup(`${LOG_SECTION}:`));
  if (shape.words === undefined) command.allowExcessArguments(false);
  else command.arguments(shape.words);
  const isLast = ({ section }: Flag) => section === LOG_SECTION;
  const ordered = [...shape.flags.filter((flag) => !isLast(flag)), ...shape.flags.filter(isLast)];
  for (const flag of ordered) addFlag(command, flag);
  if (shape.epilog !== undefined) command.addHelpText("after", `\n${shape.epilog}`);
  return command;
}

/** A replaced tool may have another use for `-h`. */
function helpFlags({ flags }: CommandShape): string {
  return flags.some(({ short }) => short === "h") ? "--help" : "-h, --help";
}

/** What stands for a value in help where the option has no word of its own. */
const ARGUMENTS: Readonly<Partial<Record<Flag["type"], string>>> = {
  duration: "TIME",
  integer: "N",
  targets: "h:p,...",
};

function addFlag(command: Command, flag: Flag): void {
  const description = `${flag.description}${suffix(flag)}`;
  const onByDefault = flag.type === "boolean" && flag.default === true;
  const spell = (name: string) => {
    if (flag.type === "boolean") return onByDefault ? `--no-${name}` : `--${name}`;
    return `--${name} <${flag.argument ?? flag.values?.join("|") ?? ARGUMENTS[flag.type] ?? "VALUE"}>`;
  };
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const option = new Option(`${short}${spell(flag.name)}`, onByDefault ? `do not ${description}` : description);
  if (flag.repeatable || flag.type === "targets") option.argParser(joinWithCommas);
  if (flag.section !== undefined) option.helpGroup(`${flag.section}:`);
  if (flag.hidden) option.hideHelp();
  command.addOption(option);
  for (const alias of flag.aliases ?? []) command.addOption(new Option(spell(alias), description).hideHelp());
}

function joinWithCommas(value: string, before: string | undefined): string {
  return before === undefined ? value : `${before},${value}`;
}

function suffix(flag: Flag): string {
  if (flag.required) return " (required)";
  if (flag.default === undefined || flag.default === "" || flag.type === "boolean") return "";
  return ` (default ${flag.default})`;
}

/** commander's camelCase back to the names as typed; a `--no-x` that was not given is not given. */
function byFlagName(
  flags: readonly Flag[],
  opts: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const flag of flags) {
    for (const name of [flag.name, ...(flag.aliases ?? [])]) {
      const value = opts[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
      if (value === undefined || (flag.default === true && value === true)) continue;
      values[name] = value;
    }
  }
  return values;
}
