import { findPlaces } from "../app/peers-places.ts";
import { type SwitchOutcome, switchWriter } from "../app/peers-switch.ts";
import { PEERS_SWITCH_FLAGS } from "../config/flags-peers.ts";
import { AppError } from "../core/errors.ts";
import type { Signals } from "../lib/process-signals.ts";
import { parseLine } from "./parse.ts";
import { readRequest } from "./peers-request.ts";

const SHAPE = {
  name: "confd-haproxy peers switch",
  summary:
    "Makes a server the writer in every HAProxy that shares the stick table, cuts the sessions of the others, and verifies it.",
  words: "<server>",
  flags: PEERS_SWITCH_FLAGS,
  epilog: `While it moves, some 100 ms, the other servers of the backend are in maintenance. Each client that is connected
with another server is cut once. Refused, with nothing touched, when an HAProxy does not answer, does not know the
server, or has it not up.
Exit code: 0 all have the new writer (or had it already), 1 refused or failed, 2 wrong usage or configuration.`,
};

/** `confd-haproxy peers switch SERVER`: moves the writer, says what was done, resolves to the exit code. */
export async function peersSwitch(argv: readonly string[], signals: Signals): Promise<number> {
  const line = parseLine(SHAPE, argv);
  if (line === undefined) return 0;
  const [server, ...more] = line.words;
  if (server === undefined || more.length > 0) {
    throw new AppError("E_USAGE", "peers switch takes the name of one server", {
      hint: "see confd-haproxy peers switch --help",
    });
  }
  const { values, request, world } = await readRequest(PEERS_SWITCH_FLAGS, line.flags, signals);
  const order = { server, force: values["force"] === true };
  const outcome = await switchWriter(order, await findPlaces(request, world), world);
  const { out, err } = outcomeText(outcome, server);
  process.stdout.write(lines(out));
  process.stderr.write(lines(err));
  return outcome.result === "switched" || outcome.result === "already" ? 0 : 1;
}

interface OutcomeText {
  readonly out: readonly string[];
  readonly err: readonly string[];
}

function outcomeText(outcome: SwitchOutcome, server: string): OutcomeText {
  const { result, moves, total, problems } = outcome;
  if (result === "refused") {
    const forced = outcome.forceHelps === true ? "; --force would do it all the same" : "";
    return { out: [], err: [`not switched to ${server}, nothing was touched${forced}:`, ...indented(problems)] };
  }
  if (result === "failed") {
    return { out: [], err: [`not all have ${server} as the writer; see peers status:`, ...indented(problems)] };
  }
  const rows = moves.map(({ name, from, sessions }) => {
    const what = from === server ? `${server} already` : `${from ?? "none"} -> ${server}`;
    return `${name}: ${what}${sessions === 0 ? "" : `, ${sessions} ${sessions === 1 ? "session" : "sessions"} cut`}`;
  });
  const whose = moves.length < total ? `${moves.length} of ${total}` : total === 1 ? moves[0]?.name : `all ${total}`;
  const summary = `${server} ${result === "already" ? "was the writer already" : "is the writer"} of ${whose}`;
  const overridden = problems.length === 0 ? [] : ["forced, in spite of:", ...indented(problems)];
  return { out: [...rows, summary], err: overridden };
}

function indented(texts: readonly string[]): readonly string[] {
  return texts.map((text) => `  ${text}`);
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
