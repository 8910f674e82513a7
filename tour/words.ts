import type { Act } from "./act.ts";
import type { Sighting } from "./news.ts";

/** What was seen, in words for people: servers by their names, no paths, no fields of log lines. */
export function inWords({ source, text, kind }: Sighting, acts: readonly Act[]): string {
  const named = withNames(text, acts);
  switch (source) {
    case "checkers":
      return withoutFields(withoutTags(named, acts));
    case "entry":
      return named === "" ? `there is none of ${kind}` : `points to ${named}`;
    case "file":
      return `haproxy.cfg in place, ${named === "" ? "with the same servers" : `with server ${named}`}`;
    case "render":
      return renderWords(named);
    case "client":
      return named === "" ? `of ${kind} gets no answer` : `is answered by ${named}`;
    default:
      return named;
  }
}

function withNames(text: string, acts: readonly Act[]): string {
  const everybody = acts.flatMap(({ players, crew }) => [...players, ...crew]);
  return everybody.reduce((words, { name, server }) => words.replaceAll(server.server, name), text);
}

/** The names of the servers say which tag it is about. */
function withoutTags(text: string, acts: readonly Act[]): string {
  return acts.reduce((words, { kind, tag }) => words.replace(`${kind} ${tag}: `, ""), text);
}

function renderWords(message: string): string {
  const field = (name: string) => new RegExp(`${name}="?([\\d.]+ m?s)`).exec(message)?.[1] ?? "?";
  if (message.startsWith("wrote ")) {
    return `wrote it: rendered in ${field("render")}, haproxy -c accepted it in ${field("check")}`;
  }
  if (message.startsWith("in force ")) return `HAProxy had it in ${field("took")}, without a reload`;
  if (message.startsWith("reloaded ")) return `ran reload_cmd in ${field("took")}`;
  return withoutFields(message);
}

function withoutFields(message: string): string {
  return message.replace(/ {2}\w+=.*$/, "");
}
