import { storeOptions } from "../src/config/store.ts";
import { AppError } from "../src/core/errors.ts";
import { nearest } from "../src/lib/nearest.ts";

/** What the tour is asked for. */
export interface TourOptions {
  readonly help: boolean;
  /** Keep everything running after the last scene, until Ctrl-C. */
  readonly stay: boolean;
  /** `consul://host:port`; without it the store is a folder of the tour's own. */
  readonly consul: string | undefined;
}

export const HELP = `Usage: npm start [-- options]

Shows what confd-haproxy is for, with real servers on this machine: memcached, MariaDB with two replicas, Redis
with two replicas and three Sentinels, HAProxy in front of them, one process of checkers and a renderer. One after
the other they are killed, or stop replicating, and HAProxy follows. It takes some six seconds and leaves nothing
behind.

Options:
  --stay                      keep it all running afterwards, and say what to try; Ctrl-C ends it
  --store consul://HOST:PORT  the same over Consul instead of a folder. If none answers at a loopback address
                              such as 127.0.0.1:8500, the tour starts one there. In a Consul that is there
                              already it uses three keys, haproxy/KIND/tour-PID-…, and deletes them at the end;
                              CONSUL_HTTP_TOKEN or CONSUL_HTTP_TOKEN_FILE is honoured.
  -h, --help                  show this help

Exit code: 0 each time another server took over, 1 something did not happen, 2 wrong usage, 130 stopped by Ctrl-C.
`;

const FLAGS = ["--help", "--stay", "--store"];

/** Reads the command line. Throws E_USAGE, in one line, for what it does not know. */
export function parseOptions(words: readonly string[]): TourOptions {
  let [help, stay] = [false, false];
  let consul: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--help" || word === "-h") help = true;
    else if (word === "--stay") stay = true;
    else if (word === "--store") consul = consulUrl(words[++at]);
    else if (word.startsWith("--store=")) consul = consulUrl(word.slice("--store=".length));
    else throw unknownOption(word);
  }
  return { help, stay, consul };
}

function consulUrl(value: string | undefined): string {
  if (value?.startsWith("consul://") === true) {
    // Throws for what is no address.
    storeOptions({ store: value });
    return value;
  }
  throw new AppError("E_USAGE", `--store takes consul://HOST:PORT${value === undefined ? "" : `, not ${value}`}`);
}

function unknownOption(word: string): AppError {
  const meant = nearest(word, FLAGS);
  const guess = meant === undefined ? "" : `, did you mean ${meant}?`;
  return new AppError("E_USAGE", `unknown option ${word}${guess} (npm start -- --help lists them)`);
}
