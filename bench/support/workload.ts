import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import type { Consul } from "../../test/support/consul.ts";

/** The prefix that all keys of a benchmark are under. */
export const PREFIX = "haproxy/memcached/";

/** Consul takes this many operations in one transaction (HTTP API, "Transactions"). */
const TXN_OPS = 64;

/** What the entries of a benchmark have in common. */
export interface Entries {
  readonly port: number;
  readonly proxyport: (i: number) => number;
  readonly firstHost: string;
}

/** Nobody connects to these. */
const FOR_SHOW: Entries = { port: 11_211, proxyport: () => 16_211, firstHost: "10.0.0.1" };

/** The name of the `i`-th entry, and the last part of its key. */
export function entryName(i: number): string {
  return `mem${String(i).padStart(5, "0")}`;
}

/** The value of the `i`-th key; `host` is what changes. */
export function entryValue(i: number, host: string, { port, proxyport }: Entries = FOR_SHOW): string {
  return JSON.stringify({ name: entryName(i), host, port, proxyport: proxyport(i) });
}

/** The `i`-th key. */
export function entryKeyAt(i: number): string {
  return `${PREFIX}${entryName(i)}`;
}

/** Puts `count` entries into Consul. */
export async function fill(consul: Consul, count: number, entries: Entries = FOR_SHOW): Promise<void> {
  for (let from = 0; from < count; from += TXN_OPS) {
    const ops = Array.from({ length: Math.min(TXN_OPS, count - from) }, (_, i) => ({
      KV: {
        Verb: "set",
        Key: entryKeyAt(from + i),
        Value: Buffer.from(entryValue(from + i, entries.firstHost, entries)).toString("base64"),
      },
    }));
    const response = await consul.request("/v1/txn", { method: "PUT", body: JSON.stringify(ops) });
    if (!response.ok) throw new Error(`txn: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }
}

/** Writes values over one kept connection; resolves when Consul has answered. */
export function createWriter(
  consul: Consul,
  entries: Entries = FOR_SHOW,
): { put(i: number, host: string): Promise<void>; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  return {
    put: (i, host) =>
      new Promise((resolve, reject) => {
        const path = `/v1/kv/${entryKeyAt(i)}`;
        const put = request({ host: consul.address, port: consul.port, path, method: "PUT", agent }, (response) => {
          response.resume().on("end", resolve);
        });
        put.on("error", reject).end(entryValue(i, host, entries));
      }),
    close: () => agent.destroy(),
  };
}

/** A confdir whose one resource renders the same text as the floor, escaped for HAProxy. */
export function writeConfdir(folder: string, dest: string, more = ""): string {
  mkdirSync(join(folder, "conf.d"), { recursive: true });
  mkdirSync(join(folder, "templates"), { recursive: true });
  writeFileSync(
    join(folder, "conf.d", "bench.toml"),
    `[template]\nsrc = "bench.cfg.hbs"\ndest = "${dest}"\nkeys = ["/${PREFIX}"]\n${more}`,
  );
  writeFileSync(
    join(folder, "templates", "bench.cfg.hbs"),
    `{{#each (gets "/${PREFIX}*")}}{{#with (json value)}}listen {{name}}\n  bind *:{{proxyport}}\n  server {{name}}-memcached {{host}}:{{port}} check\n{{/with}}{{/each}}`,
  );
  return folder;
}
