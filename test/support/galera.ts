import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { createConnection } from "mysql2/promise";
import { eventually } from "./eventually.ts";
import { launch } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { BASE_CONFIG, CACHE, hold, type MariadbRow, templateDataDir } from "./mariadb.ts";
import { type Server, startServer } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

/** A real node. It ends with the test. */
export interface GaleraNode extends Server {
  /** Runs statements one after the other on one connection, as a user who may do everything; the last one's rows. */
  sql(...statements: readonly string[]): Promise<readonly MariadbRow[]>;
  /** Holds a connection on which statements were run, until the test ends or it is let go. */
  hold(...statements: readonly string[]): Promise<() => Promise<void>>;
  /** Its own word for its state: `Synced`, `Donor/Desynced`. */
  stateWord(): Promise<string>;
  /** Forgets its data, so that it has to ask another node for all of it at its next start. */
  wipe(): void;
  /** From its next start on it asks this node, and no other, for what it misses. */
  takeDataFrom(donor: GaleraNode): void;
}

const PORT = 3_302;

/** The server drops to this user: as root, the transfer between nodes fails. */
const USER = process.geteuid?.() === 0 ? "mysql" : undefined;

/** Short, so that a lost node is noticed within seconds; shorter ones split the cluster when the machine is busy. */
const TIMING = [
  "evs.suspect_timeout=PT2S",
  "evs.inactive_timeout=PT4S",
  "evs.keepalive_period=PT0.3S",
  "evs.inactive_check_period=PT0.1S",
  "evs.install_timeout=PT3S",
  "evs.join_retrans_period=PT0.2S",
  "pc.announce_timeout=PT0.5S",
  "gcache.size=4M",
  "gcache.page_size=1M",
  "pc.recovery=yes",
];

/** Starts a cluster of so many nodes, on `.2`, `.3` and so on of one prefix; returns when all are synced. */
export async function startGalera(count = 3): Promise<readonly GaleraNode[]> {
  const prefix = await loopbackPrefix();
  const addresses = Array.from({ length: count }, (_, at) => `${prefix}.${at + 2}`);
  const template = await clusterTemplate();
  const nodes = await Promise.all(addresses.map((address) => startNode(address, addresses, template)));
  await Promise.all(nodes.map((node) => eventually("it is synced", async () => (await node.stateWord()) === "Synced")));
  return nodes;
}

async function startNode(address: string, all: readonly string[], template: string): Promise<GaleraNode> {
  const dir = tempDir("galera");
  chmodSync(dir, 0o755);
  cpSync(template, join(dir, "data"), { recursive: true });
  if (all.length > 1) writeFileSync(join(dir, "data", "gvwstate.dat"), viewState(address, all));
  own(dir);
  writeFileSync(join(dir, "my.cnf"), configText(dir, address, all));
  const sql = (...statements: readonly string[]) => run(address, statements);
  // one alone has nobody to find
  const args = [`--defaults-file=${join(dir, "my.cnf")}`, ...(all.length > 1 ? [] : ["--wsrep-new-cluster"])];
  const server = await startServer({
    what: `galera node on ${address}`,
    address,
    port: PORT,
    start: () => launch("mariadbd", args, { dir, endWith: "SIGKILL" }),
    ready: () => sql("SELECT 1"),
  });
  const more = {
    sql,
    hold: (...statements: readonly string[]) => hold({ host: address, port: PORT }, statements),
    stateWord: () => stateWord(sql),
    takeDataFrom: (donor: GaleraNode) => appendFileSync(join(dir, "my.cnf"), `wsrep_sst_donor=n${donor.address}\n`),
    wipe() {
      rmSync(join(dir, "data"), { recursive: true });
      cpSync(templateDataDir(), join(dir, "data"), { recursive: true });
      own(dir);
    },
  };
  // not a spread: pid and running are getters
  return Object.defineProperties(more, Object.getOwnPropertyDescriptors(server)) as unknown as GaleraNode;
}

async function stateWord(sql: GaleraNode["sql"]): Promise<string> {
  const [row] = await sql("SHOW STATUS LIKE 'wsrep_local_state_comment'");
  return String(row?.["Value"]);
}

async function run(host: string, statements: readonly string[]): Promise<readonly MariadbRow[]> {
  const connection = await createConnection({
    host,
    port: PORT,
    user: "admin",
    password: "admin",
    connectTimeout: 5_000,
  });
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await connection.query(statement);
    return Array.isArray(rows) ? (rows as MariadbRow[]) : [];
  } finally {
    connection.destroy();
  }
}

/** All begin with the same data and the same view of who belongs to the cluster: no transfer, and they find one another at once. */
function viewState(address: string, all: readonly string[]): string {
  const uuid = (one: string) => `0000000${one.split(".").at(-1)}-1111-11f1-8000-00000000000${one.split(".").at(-1)}`;
  return [
    `my_uuid: ${uuid(address)}`,
    "#vwbeg",
    `view_id: 3 ${uuid(all[0] ?? address)} 3`,
    "bootstrap: 0",
    ...all.map((one) => `member: ${uuid(one)} 0`),
    "#vwend",
    "",
  ].join("\n");
}

function configText(dir: string, address: string, all: readonly string[]): string {
  const provider = [
    `base_host=${address}`,
    "base_port=24567",
    `gmcast.listen_addr=tcp://${address}:24567`,
    `ist.recv_addr=${address}:24568`,
    ...TIMING,
  ];
  return [
    // of two users in one file the first counts
    USER === undefined ? BASE_CONFIG : BASE_CONFIG.replace("user=root", `user=${USER}`),
    `datadir=${join(dir, "data")}`,
    `socket=${join(dir, "data", "sock")}`,
    `pid-file=${join(dir, "data", "pid")}`,
    `bind-address=${address}`,
    `port=${PORT}`,
    `server_id=${address.split(".").at(-1)}`,
    "binlog_format=ROW",
    "innodb_autoinc_lock_mode=2",
    "wsrep_on=ON",
    "wsrep_provider=/usr/lib/galera/libgalera_smm.so",
    "wsrep_cluster_name=t",
    `wsrep_cluster_address=gcomm://${all.map((one) => `${one}:24567`).join(",")}`,
    `wsrep_node_name=n${address}`,
    `wsrep_node_address=${address}`,
    "wsrep_sst_method=rsync",
    `wsrep_sst_receive_address=${address}:24444`,
    `wsrep_provider_options="${provider.join(";")}"`,
    "",
  ].join("\n");
}

function own(dir: string): void {
  if (USER !== undefined) execFileSync("chown", ["-R", `${USER}:`, dir]);
}

/** The data of a node of a cluster that was stopped in an orderly way. Made once per machine. */
async function clusterTemplate(): Promise<string> {
  const plain = templateDataDir();
  const path = join(CACHE, `galera-${basename(plain)}`);
  if (existsSync(path)) return path;
  const address = `${await loopbackPrefix()}.2`;
  const dir = tempDir("galera-template");
  chmodSync(dir, 0o755);
  cpSync(plain, join(dir, "data"), { recursive: true });
  own(dir);
  writeFileSync(join(dir, "my.cnf"), configText(dir, address, [address]));
  const first = launch("mariadbd", [`--defaults-file=${join(dir, "my.cnf")}`, "--wsrep-new-cluster"], { dir });
  await eventually("the first node is synced", () =>
    run(address, ["CREATE TABLE IF NOT EXISTS t.g(i INT PRIMARY KEY) ENGINE=InnoDB"]),
  );
  await first.stop();
  for (const name of ["galera.cache", "gvwstate.dat", "sock"]) rmSync(join(dir, "data", name), { force: true });
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, "new-"));
  cpSync(join(dir, "data"), join(work, "data"), { recursive: true });
  try {
    renameSync(join(work, "data"), path);
  } catch (error) {
    // another process was first
    if (!existsSync(path)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}
