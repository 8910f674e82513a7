import { quoteReply, RuntimeError } from "./runtime-error.ts";

/** A stick table, as `show table` lists it. */
export interface StickTable {
  /** The section that has it; `peers/name` for one of a `peers` section. */
  readonly name: string;
  /** `integer`, `ip`, `string` … */
  readonly type: string;
  /** The most rows it holds. */
  readonly size: number;
  /** The rows it holds now. */
  readonly used: number;
}

/** One row of a stick table. */
export interface StickRow {
  readonly key: string;
  /** What is stored, by its name: `server_id`, `server_key`, `conn_cnt` … */
  readonly data: ReadonlyMap<string, string>;
}

/** The key of the one row that `stick on int(1)` makes, and that names the server. */
export const WRITER_KEY = "1";

/** Reads the answer to `show table`: all tables, in HAProxy's order. `name` is the socket's, for the message. */
export function parseTables(text: string, name: string): readonly StickTable[] {
  return linesOf(text).map((line) => readHeader(line, { command: "show table", name }));
}

/**
 * Reads the answer to `show table T`: a header as in the list, and a line for each row, such as
 * `0x55d7: key=1 use=0 exp=0 server_id=2 server_key=s2` (`table_dump_entry_to_buffer` in src/stick_table.c; 3.0 has
 * `shard=0` besides, older ones `server_name=`). Undefined: there is no such table.
 */
export function parseTable(
  text: string,
  name: string,
): { readonly table: StickTable; readonly rows: readonly StickRow[] } | undefined {
  const [header = "", ...lines] = linesOf(text);
  if (header === NO_SUCH_TABLE) return undefined;
  const asked: Asked = { command: "show table …", name };
  return { table: readHeader(header, asked), rows: lines.map((line) => readRow(line, asked)) };
}

/** To a command about a table that is not there (2.4 to 3.0). */
export const NO_SUCH_TABLE = "No such table";

interface Asked {
  readonly command: string;
  /** The socket's. */
  readonly name: string;
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}

function readHeader(line: string, asked: Asked): StickTable {
  const match = /^# table: (\S+), type: (\w+), size:(\d+), used:(\d+)/.exec(line);
  if (match === null) throw unreadable(line, asked);
  const [, name = "", type = "", size, used] = match;
  return { name, type, size: Number(size), used: Number(used) };
}

/** In place of the rows, below level operator. */
const NOT_DUMPED = "# contents not dumped";

function readRow(line: string, asked: Asked): StickRow {
  if (line.startsWith(NOT_DUMPED)) {
    throw new RuntimeError("denied", `HAProxy at ${asked.name}: "${asked.command}" was answered without the rows`, {
      hint: 'the socket needs "level operator", or admin, on its "stats socket" line in haproxy.cfg',
    });
  }
  const match = /^0x[0-9a-f]+: key=(.*?) use=\d+ exp=\d+(.*)$/.exec(line);
  if (match === null) throw unreadable(line, asked);
  const [, key = "", rest = ""] = match;
  const words = [...rest.matchAll(/ ([a-z_0-9]+)(?:\([^)]*\))?=(\S*)/g)];
  return { key, data: new Map(words.map(([, word = "", value = ""]) => [word, value])) };
}

function unreadable(line: string, { command, name }: Asked): RuntimeError {
  return new RuntimeError(
    "strange",
    `HAProxy at ${name}: "${command}" has a line nobody can read: ${quoteReply(line)}`,
  );
}
