import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import { chooseTable, type RowView, readRow, type ServerView, type TableChoice } from "./peers-table.ts";
import { isTrouble, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { parseInfo } from "./servers-state.ts";
import { type PeersGroup, parsePeers } from "./show-peers.ts";
import { parseStat } from "./show-stat.ts";
import { parseTable, parseTables, type StickTable, WRITER_KEY } from "./show-table.ts";

/** What one HAProxy knows about the writer and about its peers. */
export interface PeersView {
  readonly process: ProcessView;
  readonly table: StickTable;
  readonly backend: string;
  /** Undefined: no client has come yet, or the table was cleared. */
  readonly row: RowView | undefined;
  /** Those of the backend, in HAProxy's order. */
  readonly servers: readonly ServerView[];
  /** The `peers` section that shares the table; undefined: none does. */
  readonly group: PeersGroup | undefined;
}

/** Who answers. */
export interface ProcessView {
  /** Its name among the peers; undefined where it does not tell. */
  readonly localPeer: string | undefined;
  /** The machine, as HAProxy tells it. */
  readonly node: string;
  readonly pid: number;
  /** Wall clock seconds by its own clock; empty where it does not tell (before 2.5). */
  readonly startedAt: string;
  readonly release: string;
}

/** An E_USAGE: what is wanted of this HAProxy cannot be told from what it has. */
export class TableChoiceError extends AppError {
  constructor(problem: string, hint: string) {
    super("E_USAGE", problem, { hint });
  }
}

const SERVERS_ONLY = 4;

/**
 * Asks one HAProxy for its stick table, the servers behind it and its peers. Throws E_HAPROXY, or a
 * {@link TableChoiceError} that lists what it has.
 */
export async function lookAtPeers(
  socket: RuntimeSocket,
  choice: TableChoice,
  call: Call & { readonly clock: Clock },
): Promise<PeersView> {
  const [info = "", shown = "", listed = "", stat = ""] = await socket.askAll(
    ["show info", "show peers", "show table", `show stat -1 ${SERVERS_ONLY} -1`],
    call,
  );
  const groups = parsePeers(shown, socket.name);
  const all = parseStat(stat, socket.name).map(
    (cell): ServerView => ({
      backend: cell("pxname"),
      name: cell("svname"),
      id: cell("sid"),
      address: cell("addr"),
      status: cell("status"),
      sessions: Number(cell("scur")),
    }),
  );
  const chosen = chooseTable({ tables: parseTables(listed, socket.name), groups, servers: all }, choice);
  if ("problem" in chosen) throw new TableChoiceError(`HAProxy at ${socket.name}: ${chosen.problem}`, chosen.hint);
  const servers = all.filter(({ backend }) => backend === chosen.backend);
  const group = groups.find(({ tables }) => tables.includes(chosen.table.name));
  return {
    process: await readProcess(socket, { info, group }, call),
    ...chosen,
    row: await readWriter(socket, { table: chosen.table.name, servers }, call),
    servers,
    group,
  };
}

/** How often an empty table is looked at before it is believed, and how soon again, ms. */
const LOOKS = 4;
const LOOK_AGAIN_MS = 15;

/**
 * The row of the writer, once more where it is not there: a table that is full (`size 1`) has none between a client's
 * arrival and its connection to the server.
 */
export async function readWriter(
  socket: RuntimeSocket,
  { table, servers }: { readonly table: string; readonly servers: readonly ServerView[] },
  call: Call & { readonly clock: Clock },
): Promise<RowView | undefined> {
  for (let look = 1; ; look++) {
    const parsed = parseTable(await socket.ask(`show table ${table}`, call), socket.name);
    if (parsed === undefined) throw new RuntimeError("gone", `HAProxy at ${socket.name} has no stick table ${table}`);
    const row = parsed.rows.find(({ key }) => key === WRITER_KEY);
    if (row !== undefined) return readRow(row, servers);
    if (look === LOOKS) return undefined;
    await call.clock.sleep(LOOK_AGAIN_MS, call.signal);
  }
}

async function readProcess(
  socket: RuntimeSocket,
  { info, group }: { readonly info: string; readonly group: PeersGroup | undefined },
  call: Call,
): Promise<ProcessView> {
  const { pid, release } = parseInfo(info, socket.name);
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(info)?.[1]?.trim() ?? "";
  const localPeer = group?.peers.find(({ isLocal }) => isLocal)?.name ?? (await askLocalPeer(socket, call));
  return { localPeer, node: field("node"), pid, startedAt: field("Start_time_sec"), release };
}

/** Only a socket of level operator tells it. */
async function askLocalPeer(socket: RuntimeSocket, call: Call): Promise<string | undefined> {
  try {
    return /^HAPROXY_LOCALPEER=(\S+)$/m.exec(await socket.ask("show env HAPROXY_LOCALPEER", call))?.[1];
  } catch (error) {
    if (isTrouble(error, "denied")) return undefined;
    throw error;
  }
}

/** Whether two answers came from one process: by way of a path and of a port, for instance. */
export function isSameProcess(one: ProcessView, other: ProcessView): boolean {
  return (
    one.pid === other.pid &&
    one.node === other.node &&
    one.startedAt === other.startedAt &&
    one.localPeer === other.localPeer
  );
}
