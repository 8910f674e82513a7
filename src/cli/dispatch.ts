import { AppError } from "../core/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Signals } from "../lib/process-signals.ts";

/** What a word of the command line stands for: takes the words behind it, resolves to the exit code. */
export type Action = (argv: readonly string[], signals: Signals) => Promise<number>;

/** Actions by their names; each is loaded when asked for, so that nobody pays for what others need. */
export type Actions = Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Action> }>>;

/** How a choice of actions is told of. */
export interface DispatchWords {
  /** What is wrong with a name that is none, `there is no action "x" of agent`. */
  readonly unknown: (name: string) => string;
  /** The command whose `--help` lists them: `confd-haproxy agent`. */
  readonly command: string;
  /** Stands above the list and below it. */
  readonly overview: (list: string) => string;
}

/** Hands the words behind the first one to the action of that name; resolves to the exit code. Throws E_USAGE. */
export async function dispatchTo(
  actions: Actions,
  words: DispatchWords,
  argv: readonly string[],
  signals: Signals,
): Promise<number> {
  const [name = "", ...rest] = argv;
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action !== undefined) return (await action.load())(rest, signals);
  if (["", "help", "-h", "--help", "-help"].includes(name)) {
    const list = Object.entries(actions).map(([word, { summary }]) => `  ${word.padEnd(10)}${summary}`);
    process.stdout.write(words.overview(list.join("\n")));
    return name === "" ? 2 : 0;
  }
  const close = nearest(name, Object.keys(actions));
  throw new AppError("E_USAGE", words.unknown(name), {
    hint: close === undefined ? `see ${words.command} --help` : `did you mean ${close}?`,
  });
}
