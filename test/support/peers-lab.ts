import { type Echo, startEcho } from "./echo.ts";
import { eventually } from "./eventually.ts";
import { type Haproxy, type HaproxyPlace, haproxyHead, startHaproxy } from "./haproxy.ts";
import { loopbackPrefix } from "./loopback.ts";

/** Several HAProxies that share a stick table, in front of three servers of which one at a time is the writer. */
export interface PeersLab {
  readonly haproxies: readonly LabHaproxy[];
  /** s1, s2 and s3, in this order; only s1 is no `backup`. */
  readonly servers: readonly Echo[];
}

/** One of them. */
export interface LabHaproxy extends Haproxy {
  /** `lb1`, `lb2` … */
  readonly name: string;
  /** Where clients come. */
  readonly front: string;
  /** Its runtime socket over TCP. */
  readonly tcpSocket: string;
}

/** What differs from three HAProxies that know each other. */
export interface PeersLabOptions {
  readonly binary?: string;
  readonly count?: number;
  readonly masterWorker?: boolean;
  /** Of the stick table. */
  readonly size?: string;
  /** Lines in place of the `peers` section of this one. */
  readonly peersOf?: (name: string, lines: readonly string[]) => readonly string[];
  readonly server?: string;
}

/** Where clients come. */
export const LAB_PORT = 20_306;
const PEERS_PORT = 20_310;
const SOCKET_PORT = 20_399;

/** Starts them one after the other, so that each finds those before it at once, and waits until all are connected. */
export async function startPeersLab(options: PeersLabOptions = {}): Promise<PeersLab> {
  const { binary, count = 3, masterWorker = false, peersOf } = options;
  const prefix = await loopbackPrefix();
  const servers = [
    await startEcho(`${prefix}.101`),
    await startEcho(`${prefix}.102`),
    await startEcho(`${prefix}.103`),
  ];
  const names = Array.from({ length: count }, (_, at) => `lb${at + 1}`);
  const addressOf = (name: string) => `${prefix}.${10 + Number(name.slice(2))}`;
  const lines = names.map((name) => `peer ${name} ${addressOf(name)}:${PEERS_PORT}`);
  const haproxies: LabHaproxy[] = [];
  for (const name of names) {
    const front = addressOf(name);
    const tcpSocket = `${front}:${SOCKET_PORT}`;
    const peers = peersOf?.(name, lines) ?? lines;
    const config = (place: HaproxyPlace) => labConfig({ place, name, front, tcpSocket, peers, servers, ...options });
    const haproxy = await startHaproxy({ config, masterWorker, ...(binary === undefined ? {} : { binary }) });
    haproxies.push(Object.assign(haproxy, { name, front, tcpSocket }));
  }
  await eventually("every server is known to be up, and the peers are connected", async () => {
    for (const { cli } of haproxies) {
      const stat = await cli("show stat lab 4 -1");
      if ((stat.match(/,UP,/g) ?? []).length !== servers.length) return false;
      const connected = (await cli("show peers")).match(/state=EST/g) ?? [];
      if (peersOf === undefined && connected.length !== count - 1) return false;
    }
    return true;
  });
  return { haproxies, servers };
}

interface LabConfig extends PeersLabOptions {
  readonly place: HaproxyPlace;
  readonly name: string;
  readonly front: string;
  readonly tcpSocket: string;
  readonly peers: readonly string[];
  readonly servers: readonly Echo[];
}

function labConfig({ place, name, front, tcpSocket, peers, servers, size = "100k", server = "" }: LabConfig): string {
  return `${haproxyHead(place).replace("defaults\n", `    stats socket ipv4@${tcpSocket} level admin\n    localpeer ${name}\ndefaults\n`)}
    timeout client 1m
    timeout server 1m
${peers.length === 0 ? "" : `peers lab_peers\n    ${peers.join("\n    ")}\n`}
listen lab
    bind ${front}:${LAB_PORT}
    stick-table type integer size ${size}${peers.length === 0 ? "" : " peers lab_peers"}
    stick on int(1)
    default-server check inter 100ms rise 2 fall 2 on-marked-down shutdown-sessions ${server}
${servers.map((echo, at) => `    server s${at + 1} ${echo.server}${at === 0 ? "" : " backup"}`).join("\n")}
`;
}

/** What the table of one HAProxy says: `s2`; undefined when it is empty. */
export async function rowOf({ cli }: Haproxy): Promise<string | undefined> {
  const row = / server_id=(\d+) server_key=(\S+)/.exec(await cli("show table lab"));
  if (row === null) return undefined;
  return row[2] === "-" ? `s${row[1]}` : row[2];
}

/** What one HAProxy says of its servers: `s1 UP`, without how often they were seen so. */
export async function statusesOf({ cli }: Haproxy): Promise<readonly string[]> {
  const [head = "", ...rows] = (await cli("show stat lab 4 -1")).split("\n");
  const at = head.split(",").indexOf("status");
  return rows
    .filter((row) => row !== "")
    .map((row) => `${row.split(",")[1]} ${row.split(",")[at]?.replace(/ \d+\/\d+$/, "")}`);
}
