import { readFileSync } from "node:fs";
import { type KvAction, runKv } from "../app/kv.ts";
import { environment } from "../config/env.ts";
import type { Flag } from "../config/flag.ts";
import { LOG_FLAGS, STORE_FLAGS } from "../config/flags-common.ts";
import { resolveOptions } from "../config/resolve.ts";
import { storeOptions } from "../config/store.ts";
import { AppError } from "../core/errors.ts";
import type { Signals } from "../lib/process-signals.ts";
import { systemClock } from "../lib/system-clock.ts";
import { parseLine } from "./parse.ts";
import { openLogger } from "./world.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "format",
    type: "enum",
    values: ["json", "yaml"],
    default: "json",
    section: "Dump",
    description: "how dump prints; render --store file:FILE reads both",
  },
  ...STORE_FLAGS,
  ...LOG_FLAGS,
];

const SHAPE = {
  name: "confd-haproxy kv",
  summary: "Looks at and changes what is in the store, whichever it is.",
  words: "<action> [key] [value]",
  flags: FLAGS,
  epilog: `Actions:
  get KEY           print the value
  put KEY VALUE     write it; VALUE - reads standard input
  ls [PREFIX]       list the keys, one per line
  rm KEY            delete the key; deleting what is not there is no error
  dump [PREFIX]     print all keys and values as one document, for render --store file:FILE

Exit code: 0 done, 1 it failed or get found no such key, 2 wrong usage.`,
};

/** `confd-haproxy kv …`: parses its words, runs it, resolves to the exit code. */
export async function kvCommand(argv: readonly string[], signals: Signals): Promise<number> {
  const line = parseLine(SHAPE, argv);
  if (line === undefined) return 0;
  const env = environment();
  const values = resolveOptions(FLAGS, { flags: line.flags, env });
  const action = actionOf(line.words, values["format"] === "yaml" ? "yaml" : "json");
  const logger = await openLogger(values, env);
  const answer = await runKv(action, storeOptions(values), { clock: systemClock, logger, stop: signals.stop });
  if (answer !== "") process.stdout.write(answer.endsWith("\n") ? answer : `${answer}\n`);
  return 0;
}

function actionOf(words: readonly string[], format: "json" | "yaml"): KvAction {
  const [name, key, value, ...more] = words;
  if (more.length > 0) throw usage(`kv ${name} takes fewer words`);
  switch (name) {
    case "get":
    case "rm":
      if (key === undefined || value !== undefined) throw usage(`kv ${name} takes one key`);
      return { name, key: bare(key) };
    case "put":
      if (key === undefined || value === undefined) throw usage("kv put takes a key and a value");
      return { name, key: bare(key), value: value === "-" ? readFileSync(0, "utf8") : value };
    case "ls":
    case "dump":
      if (value !== undefined) throw usage(`kv ${name} takes at most a prefix`);
      return { name, prefix: folder(bare(key ?? "")), format };
    default:
      throw usage(`there is no action "${name}"; there are get, put, ls, rm and dump`);
  }
}

/** confd's users write keys with a leading slash; stores have none. */
function bare(key: string): string {
  return key.replace(/^\/+/, "");
}

function folder(prefix: string): string {
  return prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
}

function usage(message: string): AppError {
  return new AppError("E_USAGE", message, { hint: "see confd-haproxy kv --help" });
}
