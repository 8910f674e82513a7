import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import type { Target } from "../src/core/targets.ts";
import { type Mariadb, MONITOR, replicationSet } from "../test/support/mariadb.ts";
import { type Act, createPlayer, killPlayer, type Player, type Scene, type Setting } from "./act.ts";
import { ANSWER_TIMEOUT_MS } from "./talk.ts";

const FRONT_PORT = 13_351;

/** What is killed here starts again with what it had committed; and no path of a socket can be too long. */
const CONFIG = ["innodb_flush_log_at_trx_commit=2", "socket=sock"];

/** A MariaDB master and two replicas: one stops replicating, the other is killed. */
export async function startMysqlAct({ tag, dir, frontHost }: Setting): Promise<Act> {
  const { master, replicas } = await replicationSet(2, CONFIG);
  const masterPlayer = createPlayer("db-master", master, dir, () => startIfEnded(master));
  const replicaPlayers = replicas.map((db, index) =>
    createPlayer(`db-replica-${index + 1}`, db, dir, () => rejoin(db)),
  );
  const players = [masterPlayer, ...replicaPlayers];
  const dbOf = (player: Player) => replicas.find(({ server }) => server === player.server.server) ?? master;
  const front = { host: frontHost, port: FRONT_PORT };
  writeFileSync(join(dir, "db.conf"), masterSection(tag, master), { mode: 0o600 });
  return {
    kind: "mysqlslave",
    tag,
    cast: "MariaDB: db-replica-1 and db-replica-2 replicate from db-master",
    players,
    crew: [],
    table: [`conf = "db.conf"`],
    front,
    async ask() {
      const id = await askServerId(front);
      return players.find((player) => dbOf(player).serverId === id)?.name ?? `server id ${id}`;
    },
    scenes: scenes(masterPlayer, dbOf),
    isAtBest: (player) => player !== masterPlayer,
    tries: (inUse) => tries(inUse, front),
  };
}

function scenes(master: Player, dbOf: (player: Player) => Mariadb): readonly Scene[] {
  return [
    {
      title: "MySQL: the replica in use stops replicating",
      why: `Its port goes on answering, with data that grow old, and HAProxy's own check sees nothing wrong.
The checker asks each second what replication says: both threads, the lag, the source.`,
      fault: "stopped replicating",
      async strike(inUse) {
        await dbOf(inUse).sql("STOP SLAVE SQL_THREAD");
        return `STOP SLAVE SQL_THREAD on ${inUse.name}`;
      },
      isHeir: (player) => player !== master,
      portAnswers: true,
    },
    {
      title: "MySQL: the last good replica is killed",
      why: "No replica is healthy now. The master serves as the last resort, until a replica is well again.",
      fault: "killed",
      strike: killPlayer,
      isHeir: (player) => player === master,
    },
  ];
}

function tries({ name, server, pidFile }: Player, front: Target): ReturnType<Act["tries"]> {
  const login = ({ host, port }: Target, user: string) => `mariadb -h ${host} -P ${port} -u ${user} -p${user}`;
  const admin = login({ host: server.address, port: server.port }, "admin");
  return [
    ["Ask MySQL as a client does:", `${login(front, "monitor")} -e 'SELECT @@server_id, @@bind_address'`],
    [`Stop replication on ${name}, which is in use now:`, `${admin} -e 'STOP SLAVE SQL_THREAD'`],
    ["and start it again:", `${admin} -e 'START SLAVE'`],
    ["Or kill it:", `kill -9 $(cat ${pidFile})`],
  ];
}

/** As db.conf of the checker has it: the section is that of the tag, the server the master. */
function masterSection(tag: string, { address, port }: Mariadb): string {
  return `[${tag}]\nhost = ${address}\nport = ${port}\nuser = ${MONITOR.user}\npassword = ${MONITOR.password}\n`;
}

async function askServerId({ host, port }: Target): Promise<number> {
  const connection = await createConnection({ host, port, ...MONITOR, connectTimeout: ANSWER_TIMEOUT_MS });
  try {
    const query = { sql: "SELECT @@server_id AS id", timeout: ANSWER_TIMEOUT_MS };
    const [rows] = await connection.query<RowDataPacket[]>(query);
    return Number(rows[0]?.["id"]);
  } finally {
    connection.destroy();
  }
}

async function startIfEnded(db: Mariadb): Promise<void> {
  if (!db.running) await db.restart();
}

async function rejoin(db: Mariadb): Promise<void> {
  await startIfEnded(db);
  await db.sql("SET GLOBAL read_only=1", "START SLAVE");
}
