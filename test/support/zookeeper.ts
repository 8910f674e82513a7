import { writeFileSync } from "node:fs";
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

/** How it is to be. */
export interface ZookeeperOptions {
  /** The longest that it lets a session live without a sign of life, ms. */
  readonly maxSessionMs?: number;
}

/** Starts a real ZooKeeper on an address of its own; sessions last half a second at least. It ends with the test. */
export async function startZookeeper({ maxSessionMs = 20_000 }: ZookeeperOptions = {}): Promise<Server> {
  const at = `${await loopbackPrefix()}.1`;
  const dir = tempDir("zookeeper");
  const config = [
    `dataDir=${join(dir, "data")}`,
    `clientPort=${PORT}`,
    `clientPortAddress=${at}`,
    "tickTime=250",
    "minSessionTimeout=500",
    `maxSessionTimeout=${maxSessionMs}`,
    "maxClientCnxns=0",
    "admin.enableServer=false",
    "4lw.commands.whitelist=*",
    "",
  ];
  writeFileSync(join(dir, "zoo.cfg"), config.join("\n"));
  const main = "org.apache.zookeeper.server.ZooKeeperServerMain";
  return startServer({
    what: `ZooKeeper on ${at}`,
    address: at,
    port: PORT,
    start: () => launch("java", [...JVM, "-cp", JARS, main, join(dir, "zoo.cfg")], { dir, endWith: "SIGKILL" }),
    ready: () => serves(at),
  });
}

/** Its port opens, and `ruok` is answered with `imok`, before it takes sessions: this is said only when it does. */
function serves(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: PORT });
    let answer = "";
    socket.setTimeout(1_000, () => socket.destroy(new Error("no answer")));
    socket.on("connect", () => socket.write("srvr"));
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("close", () => resolve(answer.includes("Mode: standalone")));
    socket.on("error", reject);
  });
}
