import type { Memcached } from "./memcached.ts";
import type { Sighting } from "./news.ts";

/** What was seen, in words for people: servers by their names, no paths, no fields of log lines. */
export function inWords({ source, text }: Sighting, memcacheds: readonly Memcached[]): string {
  const named = memcacheds.reduce((words, { name, server }) => words.replaceAll(server.server, name), text);
  switch (source) {
    case "checker":
      return withoutFields(named.replace(/(^|: )memcached \S+: /, "$1"));
    case "entry":
      return named === "" ? "there is none" : `points to ${named}`;
    case "file":
      return `haproxy.cfg in place, with server ${named || "none"}`;
    case "render":
      return renderWords(named);
    case "client":
      return named === "" ? "gets no answer" : `is answered by ${named}`;
    default:
      return named;
  }
}

function renderWords(message: string): string {
  const field = (name: string) => new RegExp(`${name}="?([\\d.]+ m?s)`).exec(message)?.[1] ?? "?";
  if (message.startsWith("wrote ")) {
    return `wrote it: rendered in ${field("render")}, haproxy -c accepted it in ${field("check")}`;
  }
  if (message.startsWith("reloaded ")) return `ran reload_cmd in ${field("took")}`;
  return withoutFields(message);
}

function withoutFields(message: string): string {
  return message.replace(/ {2}\w+=.*$/, "");
}
