// PUT sent → a client's session to the server that is replaced has ended, in the live worker and in an old one.
// `npm run bench:fencing`
import { once } from "node:events";
import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { startConsul } from "../test/support/consul.ts";
import { eventually } from "../test/support/eventually.ts";
import { loopbackPrefix } from "../test/support/loopback.ts";
import { releaseAll, releaseLater } from "../test/support/releases.ts";
import { type ApplySide, startApplySide, startEchoing } from "./support/apply-side.ts";
import { percentile, summary, verdict } from "./support/stats.ts";
import { createWriter, type Entries, fill, PREFIX } from "./support/workload.ts";

const TIMES = 25;
const ECHO_PORT = 21_311;
const TARGET_MS = 50;
/** Between two changes. */
const PAUSE_MS = 300;

async function main(): Promise<void> {
  const prefix = await loopbackPrefix();
  const hosts = [`${prefix}.11`, `${prefix}.12`] as const;
  for (const host of hosts) await startEchoing(host, ECHO_PORT);
  const consul = await startConsul();
  const entries: Entries = { port: ECHO_PORT, proxyport: (i) => 20_000 + i, firstHost: hosts[0] };
  await fill(consul, 2, entries);
  const writer = createWriter(consul, entries);
  const side = await startApplySide(consul, { apply: "runtime", prefix: PREFIX, onReplace: "shutdown-sessions" });
  const live: number[] = [];
  const old: number[] = [];
  for (let n = 0; n < TIMES; n++) {
    const before = await openSession(side, entries.proxyport(0));
    const reloaded = side.render.stderr().match(/reloaded/g)?.length ?? 0;
    // One entry more is a section more, and that is a reload: the session is an old worker's then.
    await writer.put(2 + n, hosts[0]);
    await eventually("HAProxy was reloaded", () => (side.render.stderr().match(/reloaded/g)?.length ?? 0) > reloaded);
    const after = await openSession(side, entries.proxyport(0));
    await sleep(PAUSE_MS);
    const sentMs = performance.now();
    await writer.put(0, hosts[(n + 1) % 2] ?? "");
    live.push((await after.endedMs) - sentMs);
    old.push((await before.endedMs) - sentMs);
  }
  writer.close();
  console.log(`\nfencing: PUT sent → the client of the replaced server is cut, ${TIMES} times`);
  console.log(`  live worker  ${summary(live)}`);
  console.log(`  old worker   ${summary(old)}`);
  console.log(`  ${verdict("ms in the live worker, max", percentile(live, 100), TARGET_MS)}`);
  console.log(`  ${verdict("ms in an old worker, max", percentile(old, 100), TARGET_MS)}`);
  await releaseAll();
}

/** A session that has reached its server; `endedMs`: when it was cut, monotonic. */
async function openSession({ address }: ApplySide, port: number): Promise<{ readonly endedMs: Promise<number> }> {
  const socket = createConnection({ host: address, port });
  releaseLater("a session", async () => void socket.destroy());
  socket.on("error", () => socket.destroy());
  const endedMs = once(socket, "close").then(() => performance.now());
  socket.write("hello\n");
  await once(socket, "data");
  return { endedMs };
}

await main();
