import { readdirSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Redis, type RedisTrio, startRedis, startRedisTrio } from "../support/redis.ts";
import { PATIENCE_MS, startAsking, targetOf, valuesFor } from "../support/redis-checker.ts";
import { releaseLater } from "../support/releases.ts";
import { tempDir } from "../support/temp-dir.ts";

async function startTrio(): Promise<RedisTrio & { readonly asking: ReturnType<typeof startAsking> }> {
  const trio = await startRedisTrio();
  return { ...trio, asking: startAsking(valuesFor(trio.all)) };
}

describe("by its own word", () => {
  test("the master is up, ranked by its replicas and then by its offset; a replica says whose it is", async () => {
    const { master, replicas, asking } = await startTrio();
    await master.command("SET", "a", "b");
    expect(await asking.verdict(master)).toEqual({
      state: "up",
      reason: "is the master of 2 replicas",
      rank: [-2, expect.toSatisfy((number: number) => number < 0)],
    });
    for (const replica of replicas) {
      expect(await asking.verdict(replica)).toEqual({
        state: "down",
        reason: `is a replica of ${master.server} (link connected)`,
      });
    }
  });

  test("a replica whose master is gone is no master, whether it may serve old data or not", async () => {
    const { master, replicas, asking } = await startTrio();
    const [frank, hushed] = replicas;
    await hushed.command("CONFIG", "SET", "replica-serve-stale-data", "no");
    await master.kill();
    await eventually("the link is down", async () => String(await frank.command("ROLE")).includes("connect,"));
    await eventually("PING is refused", async () => hushed.command("PING").catch((error) => /MASTERDOWN/.test(error)));
    for (const replica of [frank, hushed]) {
      const { state, reason } = await asking.verdict(replica);
      expect(state).toBe("down");
      expect(reason).toMatch(/^is a replica of \S+ \(link connect(ing)?\)$/);
    }
    expect(await asking.verdict(master)).toEqual({ state: "down", reason: "connection refused" });
  });

  test("a replica that is promoted by hand is up at the next question, and the old master down", async () => {
    const { master, replicas, asking } = await startTrio();
    const [next] = replicas;
    expect((await asking.verdict(next)).state).toBe("down");
    await next.command("REPLICAOF", "NO", "ONE");
    expect(await asking.verdict(next)).toMatchObject({ state: "up", reason: "is the master, without replicas" });
    await master.command("REPLICAOF", next.address, `${next.port}`);
    expect((await asking.verdict(master)).reason).toContain(`is a replica of ${next.server} (link `);
  });

  test("a master that loads its data set is not up until it has", async () => {
    const server = await startRedis({
      args: ["--dir", tempDir("redis"), "--loading-process-events-interval-bytes", "1024"],
    });
    const asking = startAsking(valuesFor([server]));
    expect((await asking.verdict(server)).state).toBe("up");
    await server.command("DEBUG", "POPULATE", "2000", "key", "100");
    await server.command("CONFIG", "SET", "key-load-delay", "500");
    const reloaded = server.command("DEBUG", "RELOAD").catch(() => {});
    await eventually("it loads", async () => (await asking.verdict(server)).reason === "is loading its data set");
    expect(await asking.verdict(server)).toEqual({ state: "down", reason: "is loading its data set" });
    await server.command("CONFIG", "SET", "key-load-delay", "0").catch(() => {});
    await reloaded;
    await eventually("it is up", async () => (await asking.verdict(server)).state === "up");
  });

  test("a master that is busy with a script is down for as long as that takes", async () => {
    const server = await startRedis({ args: ["--busy-reply-threshold", "10"] });
    const asking = startAsking(valuesFor([server]));
    const script = server.command("EVAL", "while true do end", "0").catch(() => {});
    await eventually("it is busy", async () => (await asking.verdict(server, 500)).reason.includes("BUSY"));
    expect(await asking.verdict(server)).toEqual({ state: "down", reason: "is busy with a script (BUSY)" });
    await server.command("SCRIPT", "KILL");
    await script;
    expect((await asking.verdict(server)).state).toBe("up");
  });

  test("a master that cannot save and therefore refuses writes is down, as it is for Sentinel", async () => {
    const dir = tempDir("redis");
    const server = await startRedis({ args: ["--dir", dir, "--save", "3600", "1"] });
    const asking = startAsking(valuesFor([server]));
    rmSync(dir, { recursive: true });
    await server.command("BGSAVE");
    await eventually("saving has failed", async () =>
      /MISCONF/.test(String(await server.command("PING").catch(String))),
    );
    expect(await asking.verdict(server)).toEqual({
      state: "down",
      reason: "refuses writes: it cannot save its data set to disk (MISCONF)",
    });
  });

  test("a server that takes no more clients is down, and says why", async () => {
    const server = await startRedis({ args: ["--maxclients", "2"] });
    const asking = startAsking(valuesFor([server]));
    await occupy(server, 2);
    await eventually("it is full", async () => (await asking.verdict(server)).state === "down");
    expect(await asking.verdict(server)).toEqual({ state: "down", reason: "has reached its maxclients" });
  });

  test("a server that does not know ROLE is left alone: nobody can tell what it is", async () => {
    const server = await startRedis({ args: ["--rename-command", "ROLE", ""] });
    const asking = startAsking(valuesFor([server]));
    expect(await asking.verdict(server)).toEqual({ state: "unknown", reason: "does not know ROLE" });
  });
});

describe("a ping", () => {
  const within = (ms: number) => ({ signal: AbortSignal.timeout(ms) });

  test("is answered by a server that lives, and not by one that hangs", async () => {
    const server = await startRedis();
    const probe = startAsking(valuesFor([server])).probe(server);
    await probe.ping?.(within(PATIENCE_MS));
    server.pause();
    await eventually("it hangs", async () => {
      const outcome = await probe.ping?.(within(50)).catch((error: Error) => error.name);
      return outcome === "TimeoutError";
    });
  });

  test("that a server refuses for want of a password is an answer, and that of a server which cannot save is none", async () => {
    const dir = tempDir("redis");
    const server = await startRedis({ args: ["--dir", dir, "--save", "3600", "1"] });
    rmSync(dir, { recursive: true });
    await server.command("BGSAVE");
    const probe = startAsking(valuesFor([server])).probe(server);
    await eventually("it cannot save", async () => {
      const outcome = await probe.ping?.(within(PATIENCE_MS)).catch((error: Error) => error.message);
      return outcome?.includes("MISCONF");
    });
    await server.command("CONFIG", "SET", "requirepass", "secret");
    await startAsking(valuesFor([server]))
      .probe(server)
      .ping?.(within(PATIENCE_MS));
  });
});

test("many questions to a server that hangs leave nothing behind", async () => {
  const server = await startRedis();
  server.pause();
  const before = openFiles();
  const services = Array.from({ length: 50 }, () => startAsking(valuesFor([server])));
  const asked = services.map((asking) => asking.verdict(server, 200));
  await eventually("they are connected", () => openFiles() >= before + 50);
  const reasons = new Set((await Promise.all(asked)).map(({ reason }) => reason));
  expect(reasons).toEqual(new Set(["no answer within 200 ms"]));
  await eventually("all connections are gone", () => openFiles() < before + 10);
});

/** Of this process, connections among them. */
function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

async function occupy(server: Redis, connections: number): Promise<void> {
  const { host, port } = targetOf(server);
  for (let at = 0; at < connections; at++) {
    const socket = createConnection({ host, port });
    socket.on("error", () => {});
    releaseLater("connection", () => void socket.destroy());
    await new Promise<void>((resolve) => {
      socket.once("data", () => resolve());
      socket.once("connect", () => socket.write("PING\r\n"));
    });
  }
}
