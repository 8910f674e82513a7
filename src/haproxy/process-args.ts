/** Options of haproxy that take the next word as their value (`init_args` in src/haproxy.c, 2.4 to 3.5). */
const WITH_VALUE = new Set(["-f", "-C", "-L", "-n", "-N", "-m", "-p", "-S", "-x"]);

/** What is about one start of haproxy only, and not about the next: whom it replaces, and whether it detaches. */
const PASSING = new Set(["-sf", "-st", "-x", "-D", "-d", "-db"]);

/** What a command line says about how haproxy runs. */
export interface HaproxyArgs {
  /** All that a next process needs as well, up to `--`. */
  readonly lasting: readonly string[];
  /** `--` and what stands behind it: files and folders. */
  readonly behindDashes: readonly string[];
  /** `-W` or `-Ws`: a master, or one of its workers. */
  readonly isMasterWorker: boolean;
  /** All configuration files and folders. */
  readonly files: readonly string[];
  /** The value of `-C`: where relative paths begin. */
  readonly folder: string | undefined;
}

/** Reads the words behind the program's name. What is not known is kept as it is. */
export function readHaproxyArgs(words: readonly string[]): HaproxyArgs {
  const dashesAt = words.indexOf("--");
  const before = dashesAt === -1 ? words : words.slice(0, dashesAt);
  const behindDashes = dashesAt === -1 ? [] : words.slice(dashesAt);
  const options = optionsIn(before);
  const valuesOf = (name: string) => options.filter(([option]) => option === name).map(([, value]) => value ?? "");
  return {
    lasting: options.filter(([option]) => !PASSING.has(option)).flat(),
    behindDashes,
    isMasterWorker: options.some(([option]) => option === "-W" || option === "-Ws"),
    files: [...valuesOf("-f"), ...behindDashes.slice(1)],
    folder: valuesOf("-C").at(-1),
  };
}

/** Each option with its values; a word that belongs to none stands alone. */
function optionsIn(words: readonly string[]): readonly (readonly [string, ...string[]])[] {
  const options: [string, ...string[]][] = [];
  for (const word of words) {
    const last = options.at(-1);
    if (last !== undefined && takesOneMore(last, word)) last.push(word);
    else options.push([word]);
  }
  return options;
}

function takesOneMore([option, ...values]: readonly [string, ...string[]], word: string): boolean {
  // As many pids as there are.
  if (option === "-sf" || option === "-st") return !word.startsWith("-");
  return WITH_VALUE.has(option) && values.length === 0;
}
