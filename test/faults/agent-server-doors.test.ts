import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startAgentServer } from "../../src/agent/server.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { askOnce } from "../support/agent-client.ts";
import { openAgentDoor } from "../support/agent-door.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { eventually } from "../support/eventually.ts";
import { hasIpv6 } from "../support/ipv6.ts";
import { launch } from "../support/launch.ts";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { standStill } from "../support/stand-still.ts";
import { tempDir } from "../support/temp-dir.ts";

const DESK = { single: false, answer: () => "up\n" };

function deps() {
  return { desk: DESK, clock: systemClock, logger: createCaptureLogger() };
}

describe("--allow", () => {
  test("lets in whom it names, and closes to all others without an answer", async () => {
    const prefix = await loopbackPrefix();
    const { agent, to, asked } = await openAgentDoor({ allow: [`${prefix}.7`, `${prefix}.16/28`] });
    for (const friend of [`${prefix}.7`, `${prefix}.16`, `${prefix}.31`]) {
      expect(await askOnce({ ...to, localAddress: friend }, "slave1\n")).toBe("up #slave1\n");
    }
    for (const stranger of [`${prefix}.8`, `${prefix}.15`, `${prefix}.32`]) {
      expect(await askOnce({ ...to, localAddress: stranger }, "slave1\n")).toBe("");
    }
    expect(asked).toEqual(["slave1", "slave1", "slave1"]);
    expect(agent.counters()).toMatchObject({ answered: 3, refused: 3, open: 0 });
  });

  test.skipIf(!hasIpv6())("knows an IPv4 address also when it comes in over IPv6", async () => {
    const prefix = await loopbackPrefix();
    const port = await freePort("::");
    await openAgentDoor({ binds: [{ host: "*", port }], allow: [`${prefix}.7/32`] });
    const to = { host: `${prefix}.2`, port };
    expect(await askOnce({ ...to, localAddress: `${prefix}.7` }, "slave1\n")).toBe("up #slave1\n");
    expect(await askOnce({ ...to, localAddress: `${prefix}.8` }, "slave1\n")).toBe("");
    expect(await askOnce({ host: "::1", port }, "slave1\n")).toBe("");
  });

  test("is not for who comes over a unix socket", async () => {
    const path = join(tempDir(), "agent.sock");
    await openAgentDoor({ binds: [{ path }], allow: ["192.0.2.1"] });
    expect(await askOnce({ path }, "slave1\n")).toBe("up #slave1\n");
  });

  test("is told of in one line a minute, with how many there were", async () => {
    let laterMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
    const { agent, to, elsewhere, logger } = await openAgentDoor({ allow: ["192.0.2.1"], clock });
    const knock = async () => {
      const before = agent.counters().refused;
      await askOnce({ ...to, localAddress: elsewhere }, "slave1\n");
      expect(agent.counters().refused).toBe(before + 1);
    };
    const line = `the agent does not answer ${elsewhere}: it is not in --allow`;
    for (let count = 0; count < 4; count += 1) await knock();
    expect(logger.messages()).toEqual([line]);
    laterMs = 60_000;
    await knock();
    expect(logger.messages("warn")).toEqual([line, `${line} (and 3 times before)`]);
    laterMs = 120_000;
    await knock();
    expect(logger.messages("warn")).toEqual([line, `${line} (and 3 times before)`, line]);
  });

  test("with something else than an address in it opens nothing", async () => {
    const host = `${await loopbackPrefix()}.2`;
    const starting = startAgentServer(
      { binds: [{ host, port: 21_980 }], allow: ["10.0.0.0/8", "10.0.0.0/33"] },
      deps(),
    );
    await expect(starting).rejects.toMatchObject({
      code: "E_USAGE",
      message: '--allow: "10.0.0.0/33" is neither an address nor a network',
    });
    await expect(askOnce({ host, port: 21_980 }, "")).rejects.toThrow("ECONNREFUSED");
  });
});

describe("several places", () => {
  test.skipIf(!hasIpv6())("are all answered at, and told by their names", async () => {
    const host = `${await loopbackPrefix()}.9`;
    const path = join(tempDir(), "agent.sock");
    const six = { host: "::1", port: await freePort("::1") };
    const { agent, to } = await openAgentDoor({ binds: [{ host, port: 21_981 }, six, { path }] });
    for (const place of [to, { host, port: 21_981 }, six, { path }]) {
      expect(await askOnce(place, "slave1\n")).toBe("up #slave1\n");
    }
    expect(agent.addresses).toEqual([`${to.host}:${to.port}`, `${host}:21981`, `[::1]:${six.port}`, `unix:${path}`]);
    expect(agent.counters().answered).toBe(4);
  });

  test("all interfaces are called so", async () => {
    const port = await freePort("0.0.0.0");
    const { agent } = await openAgentDoor({ binds: [{ host: "*", port }] });
    expect(agent.addresses.at(-1)).toBe(`all interfaces:${port}`);
  });

  test("are all given up again when one cannot be had, and who was let in there is answered", async () => {
    const prefix = await loopbackPrefix();
    const folder = tempDir();
    const taken = join(folder, "taken.sock");
    writeFileSync(taken, "not ours");
    const first = { host: `${prefix}.2`, port: 21_982 };
    const second = { path: join(folder, "agent.sock") };
    const starting = startAgentServer({ binds: [first, second, { path: taken }], allow: [] }, deps());
    await expect(starting).rejects.toMatchObject({ code: "E_CONFIG", message: expect.stringContaining(taken) });
    await expect(askOnce(first, "")).rejects.toThrow("ECONNREFUSED");
    expect(existsSync(second.path)).toBe(false);
  });
});

/** Clients that break off as soon as the system has let them in, a moment after they have said that they are ready. */
const HASTY = `
const { connect } = require("node:net");
const [host, port, localAddress] = process.argv.slice(1);
console.log("ready");
setTimeout(() => {
  for (let i = 0; i < 20; i += 1) {
    const socket = connect({ host, port: Number(port), localAddress });
    socket.on("connect", () => socket.write("slave1\\n", () => socket.resetAndDestroy()));
    socket.on("error", () => {});
  }
}, 100);
`;

test("who has gone before it can be seen where he comes from is not asked, answered or told of", async () => {
  const { agent, to, elsewhere, logger, asked } = await openAgentDoor({ allow: ["192.0.2.1"] });
  const hasty = launch(process.execPath, ["-e", HASTY, to.host, `${to.port}`, elsewhere], { endWith: "SIGKILL" });
  await eventually("they are ready", () => hasty.stdout().includes("ready"));
  standStill(500);
  await hasty.exited;
  expect(await askOnce({ ...to, localAddress: elsewhere }, "slave1\n")).toBe("");
  expect(asked).toEqual([]);
  expect(agent.counters()).toMatchObject({ answered: 0, open: 0 });
  expect(logger.messages()).toEqual([`the agent does not answer ${elsewhere}: it is not in --allow`]);
});
