import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { eventually } from "./eventually.ts";
import { type Launched, launch } from "./launch.ts";
import { tempDir } from "./temp-dir.ts";

const DIST = join(import.meta.dirname, "../../dist");

/** Variables of the person who runs the tests must not reach the program. */
const CLEAN_ENV = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(CONSUL_|CONFD_HAPROXY_|STATE_DIRECTORY|NOTIFY_SOCKET|JOURNAL_STREAM)/.test(name))
    .map((name) => [name, undefined]),
);

/** One of our own executables, as `npm run build` made it. */
export type Executable = "render" | "checkers" | "confd-haproxy";

/** Environment variables on top of the test's own; undefined removes one. */
type Environment = Readonly<Record<string, string | undefined>>;

/** How one of our programs ended and what it said. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts one of our programs. It ends with the test at the latest. */
export function startProgram(name: Executable, args: readonly string[], env: Environment = {}): Launched {
  const file = join(DIST, `${name}.js`);
  if (!existsSync(file)) throw new Error(`${file} is missing: run npm run build`);
  return launch(process.execPath, [file, ...args], { env: { ...CLEAN_ENV, ...env } });
}

/** Runs one of our programs to its end. */
export async function runProgram(name: Executable, args: readonly string[], env: Environment = {}): Promise<Finished> {
  const program = startProgram(name, args, env);
  const { code } = await program.exited;
  return { code, stdout: program.stdout(), stderr: program.stderr() };
}

/** Waits until the program has logged something that matches, after the first `from` characters. */
export async function untilLogged(program: Launched, pattern: RegExp, from = 0): Promise<void> {
  try {
    await eventually(`a log line like ${pattern}`, () => pattern.test(program.stderr().slice(from)));
  } catch (error) {
    throw new Error(`the log was:\n${program.stderr()}`, { cause: error });
  }
}

/** A new folder with these files in it, by relative path. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = tempDir("files");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}
