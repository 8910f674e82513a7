import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { launch } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { type Server, startServer } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

const PORT = 22_181;

/** Its manifest names all other jars that it needs. */
const JARS = ["/usr/share/java/zookeeper.jar", "/usr/share/java/slf4j-simple.jar"].join(":");

const JVM = [
  "-XX:TieredStopAtLevel=1",
  "-XX:+UseSerialGC",
  "-Xmx64m",
  "-Dzookeeper.forceSync=no",
  "-Dzookeeper.preAllocSize=64",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
];

/** A program of the package, and what `srvr` says of one that takes sessions. */
const ALONE = { main: "org.apache.zookeeper.server.ZooKeeperServerMain", serves: /^Mode: standalone/m };
const MEMBER = { main: "org.apache.zookeeper.server.quorum.QuorumPeerMain", serves: /^Mode: (leader|follower)/m };

/** How it is to be. */
export interface ZookeeperOptions {
  /** The longest that it lets a session live without a sign of life, ms. */
  readonly maxSessionMs?: number;
}

/** Starts a real ZooKeeper on an address of its own; sessions last half a second at least. It ends with the test. */
export async function startZookeeper({ maxSessionMs = 20_000 }: ZookeeperOptions = {}): Promise<Server> {
  return startMember({ address: `${await loopbackPrefix()}.1`, maxSessionMs, how: ALONE });
}

/** A member of a quorum, and what `srvr` says it is at this moment. */
export interface Member {
  readonly server: Server;
  isLeader(): Promise<boolean>;
}

/** Starts a real quorum of three. */
export async function startQuorum(): Promise<readonly Member[]> {
  const prefix = await loopbackPrefix();
  const addresses = [1, 2, 3].map((id) => `${prefix}.${id}`);
  const peers = addresses.map((address, at) => `server.${at + 1}=${address}:22888:23888`);
  const members = addresses.map((address, at) =>
    startMember({
      address,
      maxSessionMs: 20_000,
      how: MEMBER,
      peers: ["initLimit=20", "syncLimit=8", ...peers],
      id: at + 1,
    }),
  );
  return (await Promise.all(members)).map((server) => ({
    server,
    isLeader: async () => (await srvr(server.address)).includes("Mode: leader"),
  }));
}

interface MemberPlan {
  readonly address: string;
  readonly maxSessionMs: number;
  readonly how: { readonly main: string; readonly serves: RegExp };
  readonly peers?: readonly string[];
  readonly id?: number;
}

function startMember({ address, maxSessionMs, how, peers = [], id = 1 }: MemberPlan): Promise<Server> {
  const dir = tempDir("zookeeper");
  const config = [
    `dataDir=${join(dir, "data")}`,
    `clientPort=${PORT}`,
    `clientPortAddress=${address}`,
    "tickTime=250",
    "minSessionTimeout=500",
    `maxSessionTimeout=${maxSessionMs}`,
    "maxClientCnxns=0",
    "admin.enableServer=false",
    "4lw.commands.whitelist=*",
    ...peers,
    "",
  ];
  mkdirSync(join(dir, "data"));
  writeFileSync(join(dir, "data/myid"), `${id}`);
  writeFileSync(join(dir, "zoo.cfg"), config.join("\n"));
  return startServer({
    what: `ZooKeeper on ${address}`,
    address,
    port: PORT,
    start: () => launch("java", [...JVM, "-cp", JARS, how.main, join(dir, "zoo.cfg")], { dir, endWith: "SIGKILL" }),
    ready: async () => how.serves.test(await srvr(address)),
  });
}

/** Its port opens, and `ruok` is answered with `imok`, before it takes sessions: this is said only when it does. */
function srvr(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: PORT });
    let answer = "";
    socket.setTimeout(1_000, () => socket.destroy(new Error("no answer")));
    socket.on("connect", () => socket.write("srvr"));
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}
