import type { PeersGroup } from "./show-peers.ts";
import type { StickRow, StickTable } from "./show-table.ts";

/** A server of the backend that the stick table is for, as one HAProxy sees it (`show stat`). */
export interface ServerView {
  readonly backend: string;
  readonly name: string;
  /** What `server_id` in a row means. */
  readonly id: string;
  /** `ip:port`; empty where HAProxy does not tell. */
  readonly address: string;
  /** As HAProxy says it: `UP`, `UP 1/3`, `DOWN`, `MAINT`, `DRAIN`, `no check` … */
  readonly status: string;
  /** Sessions that it has now. */
  readonly sessions: number;
}

/** Whether HAProxy sends new clients there. */
export function isUp({ status }: ServerView): boolean {
  return status === "no check" || /^UP\b/.test(status);
}

/** What a row says about the writer. */
export interface RowView {
  /** The server to which HAProxy sends new clients while it is usable; undefined: the row names none that is there. */
  readonly server: string | undefined;
  /** For people: `server_id=2 server_key=s2`. */
  readonly text: string;
}

/**
 * Which server a row means. The stored name counts, or the address with `srvkey addr`, and the number only where there is
 * none (`sticking_rule_find_target` in src/stream.c): so a number that was set by hand over an old name does nothing.
 */
export function readRow(row: StickRow, servers: readonly ServerView[]): RowView {
  const id = row.data.get("server_id");
  const key = row.data.get("server_key") ?? row.data.get("server_name");
  const byKey = servers.find(({ name, address }) => key === name || (address !== "" && key === address));
  const server = byKey ?? servers.find((one) => one.id === id);
  const text = [...row.data]
    .filter(([word]) => word.startsWith("server_"))
    .map(([word, value]) => `${word}=${value}`)
    .join(" ");
  return { server: server?.name, text };
}

/** What one HAProxy has, from which the table is chosen. */
export interface TableScene {
  readonly tables: readonly StickTable[];
  readonly groups: readonly PeersGroup[];
  readonly servers: readonly ServerView[];
}

/** What the user or the resource says. */
export interface TableChoice {
  readonly table: string | undefined;
  readonly backend: string | undefined;
}

/** The table, and the backend whose servers it remembers; or why that cannot be told. */
export type ChosenTable =
  | { readonly table: StickTable; readonly backend: string }
  | { readonly problem: string; readonly hint: string };

/** The table that is named, else the only one that can be meant: of type integer, shared by peers, with servers. */
export function chooseTable(scene: TableScene, choice: TableChoice): ChosenTable {
  const named = scene.tables.find(({ name }) => name === choice.table);
  if (named !== undefined) return withBackend(named, scene, choice);
  const all = scene.tables.map(({ name }) => name);
  const known = `its stick tables: ${all.join(", ") || "none"}`;
  if (choice.table !== undefined) return { problem: `it has no stick table "${choice.table}"`, hint: known };
  const meant = candidates(scene);
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return withBackend(only, scene, choice);
  const problem =
    only === undefined
      ? "it has no stick table of type integer that peers share"
      : `which stick table is meant cannot be told: ${meant.map(({ name }) => name).join(", ")}`;
  return { problem, hint: only === undefined ? known : "name it with --table, or as table in [peers] of the resource" };
}

/** One HAProxy alone may have no peers: then any table of type integer may be it. */
function candidates({ tables, groups, servers }: TableScene): readonly StickTable[] {
  const shared = new Set(groups.flatMap((group) => group.tables));
  const integers = tables.filter(({ name, type }) => type === "integer" && (shared.size === 0 || shared.has(name)));
  const withServers = integers.filter(({ name }) => servers.some(({ backend }) => backend === name));
  return withServers.length > 0 ? withServers : integers;
}

function withBackend(table: StickTable, { servers }: TableScene, choice: TableChoice): ChosenTable {
  const backends = [...new Set(servers.map(({ backend }) => backend))];
  const own = choice.backend ?? table.name;
  if (backends.includes(own)) return { table, backend: own };
  const [only] = backends;
  if (choice.backend === undefined && only !== undefined && backends.length === 1) return { table, backend: only };
  const problem =
    choice.backend === undefined
      ? `whose servers the stick table ${table.name} remembers cannot be told`
      : `it has no servers in a backend "${choice.backend}"`;
  return { problem, hint: `name the backend with --proxy: ${backends.join(", ") || "there is none with servers"}` };
}
