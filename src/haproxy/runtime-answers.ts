import { quoteReply, RuntimeError, type RuntimeTrouble } from "./runtime-error.ts";

/**
 * Cuts what came over one connection into the answers to `commands`, without the blank line at the end of each.
 * Undefined: it is not whole, or where one answer ends cannot be told.
 *
 * HAProxy puts a line end behind each answer (`cli_io_handler` in src/cli.c), and an answer that is a text ends with a
 * line end itself: that makes the blank line. Some short texts have none (`Server deleted.`, `No such backend.` to `add
 * server`, `health checks are not enabled on this server`). As the last or only answer such a text is taken; in front
 * of another one it cannot be told apart from it. Behind a `show …` the blank line is always there.
 */
export function splitAnswers(text: string, commands: readonly string[]): readonly string[] | undefined {
  const answers: string[] = [];
  let at = 0;
  for (let left = commands.length; left > 1; left--) {
    // An empty answer is the blank line alone.
    const end = text.startsWith("\n", at) ? at : text.indexOf("\n\n", at);
    if (end === -1) return undefined;
    answers.push(text.slice(at, end));
    at = end + (end === at ? 1 : 2);
  }
  const last = lastAnswer(text.slice(at), commands.at(-1) ?? "");
  if (last === undefined || (commands.length > 1 && last.includes("\n\n"))) return undefined;
  return [...answers, last];
}

function lastAnswer(text: string, command: string): string | undefined {
  if (text === "\n") return "";
  if (text.endsWith("\n\n")) return text.slice(0, -2);
  const isOneLine = text.indexOf("\n") === text.length - 1;
  return text !== "" && isOneLine && !/(?:^|\s)show\s/.test(command) ? text.slice(0, -1) : undefined;
}

/** Throws when an answer says that the command was not even looked at, whatever it asks for. `asked`: who, and what. */
export function rejectIfTurnedAway(answer: string, asked: string): void {
  const turned = TURNED_AWAY.find(({ begins }) => answer.startsWith(begins));
  if (turned === undefined) return;
  const says = turned.trouble === "unknown-command" ? "Unknown command" : answer;
  throw new RuntimeError(turned.trouble, `${asked} was answered with ${quoteReply(says)}`, { hint: turned.hint });
}

interface TurnedAway {
  readonly begins: string;
  readonly trouble: RuntimeTrouble;
  readonly hint: string;
}

/** The same words from 2.4 to 3.5 (src/cli.c). */
const TURNED_AWAY: readonly TurnedAway[] = [
  {
    begins: "Permission denied",
    trouble: "denied",
    hint: 'the socket needs "level admin" on its "stats socket" line in haproxy.cfg',
  },
  {
    begins: "Unknown command",
    trouble: "unknown-command",
    hint: "this HAProxy does not know it, or a master's socket was given where a worker's is meant, or the other way round",
  },
  {
    begins: "Can't find the target PID",
    trouble: "gone",
    hint: 'the worker has ended; "show proc" to the master lists those that live',
  },
  { begins: "Can't connect to the target CLI", trouble: "unreachable", hint: "the worker is starting or ending" },
];
