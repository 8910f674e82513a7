import { randomBytes } from "node:crypto";
import { join } from "node:path";
import zookeeper from "node-zookeeper-client";
import { eventually } from "./eventually.ts";
import { type Launched, launch } from "./launch.ts";
import { releaseLater } from "./releases.ts";
import type { Server } from "./server.ts";

/** Writes into ZooKeeper what HBase writes there, below `/hbase`. */
export interface HbaseWriter {
  /** Region servers `host,port`, alive until they are stopped; one that is killed goes when its session is over. */
  live(...servers: readonly string[]): Promise<Launched>;
  /** The same with any names of znodes. */
  liveAs(...children: readonly string[]): Promise<Launched>;
  /** One that stays alive whatever happens to sessions. */
  stay(server: string): Promise<void>;
  /** A region server that is stopped in order takes its znode away. */
  remove(server: string): Promise<void>;
  /** Makes or changes a group in one step. */
  group(name: string, servers: readonly string[], options?: { readonly meta?: boolean }): Promise<void>;
  /** Bytes of any sort as a group's data; undefined deletes it. */
  rawGroup(name: string, data: Buffer | undefined): Promise<void>;
  /** As HBase does with a secure ZooKeeper: the group can be read by its owner only. */
  hideGroup(name: string): Promise<void>;
  close(): void;
}

/** How long a killed region server's session lasts, ms. */
const SESSION_MS = 500;

const SCRIPT = join(import.meta.dirname, "region-server.mjs");

/** Makes the folders; ends with the test. */
export async function writeHbase({ server }: Pick<Server, "server">, chroot = "/hbase"): Promise<HbaseWriter> {
  const client = zookeeper.createClient(server, { sessionTimeout: 10_000 });
  await new Promise<void>((resolve) => {
    client.once("connected", resolve);
    client.connect();
  });
  releaseLater("HBase's writer", async () => client.close());
  const done = (work: (callback: (error: unknown) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => work((error) => (error ? reject(error) : resolve())));
  for (const folder of ["rs", "rsgroup"]) await done((callback) => client.mkdirp(`${chroot}/${folder}`, callback));

  let startcode = Date.now();

  async function rawGroup(name: string, data: Buffer | undefined): Promise<void> {
    const path = `${chroot}/rsgroup/${name}`;
    const isThere = await new Promise((resolve, reject) =>
      client.exists(path, (error, stat) => (error ? reject(error) : resolve(stat !== null))),
    );
    if (data === undefined) return isThere ? done((callback) => client.remove(path, callback)) : undefined;
    if (!isThere) return done((callback) => client.create(path, data, callback));
    await done((callback) => client.setData(path, data, callback));
  }

  async function liveAs(...children: readonly string[]): Promise<Launched> {
    const paths = children.map((child) => `${chroot}/rs/${child}`);
    const process = launch("node", [SCRIPT, server, String(SESSION_MS), ...paths], { endWith: "SIGKILL" });
    await eventually("the region servers are alive", () => process.stdout().includes("alive"));
    return process;
  }

  return {
    live(...servers) {
      startcode += 1;
      return liveAs(...servers.map((name) => `${name},${startcode}`));
    },
    liveAs,
    stay: (name) => done((callback) => client.create(`${chroot}/rs/${name},1`, callback)),
    async remove(name) {
      const children = await new Promise<readonly string[]>((resolve, reject) =>
        client.getChildren(`${chroot}/rs`, (error, names) => (error ? reject(error) : resolve(names))),
      );
      for (const child of children.filter((child) => child.startsWith(`${name},`))) {
        await done((callback) => client.remove(`${chroot}/rs/${child}`, callback));
      }
    },
    async group(name, servers, { meta = false } = {}) {
      const data = groupData(name, servers);
      await rawGroup(name, meta ? withMeta(data) : data);
    },
    rawGroup,
    hideGroup(name) {
      const onlyOwner = new zookeeper.ACL(zookeeper.Permission.ALL, new zookeeper.Id("digest", "hbase:secret"));
      return done((callback) => client.setACL(`${chroot}/rsgroup/${name}`, [onlyOwner], -1, callback));
    },
    close: () => client.close(),
  };
}

/** RSGroupInfo as HBase writes it, with a table and a setting in it that nobody here looks at. */
export function groupData(name: string, servers: readonly string[]): Buffer {
  const table = bytes(3, Buffer.concat([bytes(1, "ns"), bytes(2, "table")]));
  const setting = bytes(5, Buffer.concat([bytes(1, "key"), bytes(2, "value")]));
  const members = servers.map((server) => {
    const [host = "", port] = server.split(",");
    return bytes(4, Buffer.concat([bytes(1, host), varint((2 << 3) | 0), varint(Number(port))]));
  });
  return Buffer.concat([Buffer.from("PBUF"), bytes(1, name), table, ...members, setting]);
}

/** What HBase's clients put in front of what they write: 0xFF, a length, who wrote it, and some salt. */
export function withMeta(data: Buffer): Buffer {
  const writer = Buffer.concat([Buffer.from("master:16000"), randomBytes(8)]);
  const head = Buffer.alloc(5);
  head[0] = 0xff;
  head.writeInt32BE(writer.length, 1);
  return Buffer.concat([head, writer, data]);
}

function bytes(field: number, content: string | Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(Buffer.byteLength(content)), Buffer.from(content)]);
}

function varint(number: number): Buffer {
  const out: number[] = [];
  let rest = number;
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  return Buffer.from([...out, rest]);
}
