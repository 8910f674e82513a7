import type { Call } from "../core/call.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";

/** One line of `show stat`: its cells by the names of their columns. A column that this HAProxy has not is empty. */
export type StatRow = (column: string) => string;

/** Which lines of `show stat` (management manual, 9.1 and 9.3). */
export interface StatChoice {
  /** A proxy's name; all of them by default. */
  readonly proxy?: string;
  /** 1 frontends, 2 backends, 4 servers. */
  readonly type: number;
}

/** `show stat`, the lines that are wanted. Throws E_HAPROXY, also for an answer it cannot read. */
export async function readStat(
  socket: RuntimeSocket,
  { proxy = "-1", type }: StatChoice,
  call: Call,
): Promise<readonly StatRow[]> {
  return parseStat(await socket.ask(`show stat ${proxy} ${type} -1`, call), socket.name);
}

/** Reads the answer to `show stat`. `name` is the socket's, for the message. */
export function parseStat(text: string, name: string): readonly StatRow[] {
  const [header = [], ...rows] = parseCsv(text);
  const columns = new Map(header.map((column, at) => [column.replace(/^# /, ""), at]));
  if (header[0] !== "# pxname" || !columns.has("svname") || !columns.has("status")) {
    throw new RuntimeError("strange", `HAProxy at ${name}: "show stat" was answered with ${quoteReply(text)}`);
  }
  return rows.map((cells) => {
    if (cells.length !== header.length) {
      throw new RuntimeError(
        "strange",
        `HAProxy at ${name}: "show stat" has a line nobody can read: ${quoteReply(cells.join(","))}`,
      );
    }
    return (column) => cells[columns.get(column) ?? -1] ?? "";
  });
}

/** What an agent says may hold commas, quotes and line ends, which HAProxy puts in quotes. */
function parseCsv(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain = "", end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === "\n") rows.push([]);
    if (end === "") break;
  }
  return rows.filter((row) => row.length > 1);
}
