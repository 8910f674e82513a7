import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { ask as askLine, startMemcached } from "../support/memcached.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";
import type { Server } from "../support/server.ts";

const GONE = "down #not among the servers any more";
const TAG = "memcached/mem1";
const of = ({ server }: Server) => `${TAG}/${server}`;

/** A running agent that reads its configuration again by SIGHUP. */
async function startAgent(body: string) {
  const host = `${await loopbackPrefix()}.1`;
  const port = await freePort(host);
  const dir = folderWith({ "checkers.toml": "" });
  const state = ["--state-dir", join(dir, "state")];
  const write = (text: string) => {
    const agent = `[agent]\nport = ${port}\nbind = "${host}"\n`;
    const [top = "", ...tables] = text.split("\n");
    writeFileSync(join(dir, "checkers.toml"), `${top}\n${agent}${tables.join("\n")}\n`);
  };
  write(body);
  const start = () => startProgram("checkers", ["--config", join(dir, "checkers.toml"), ...state]);
  let program = start();
  const ask = async (words: string) => (await askLine(host, port, `${words}\n`)).trimEnd();
  return {
    get program() {
      return program;
    },
    dir,
    ask,
    /** `confd-haproxy agent …` */
    agent: (...words: readonly string[]) => runProgram("confd-haproxy", ["agent", ...words]),
    state,
    /** All different answers while `work` goes on. */
    async during(words: string, work: () => Promise<void>): Promise<readonly string[]> {
      const lines = new Set<string>();
      const state = { working: true };
      const asking = (async () => {
        while (state.working) lines.add(await ask(words));
      })();
      await work().finally(() => {
        state.working = false;
      });
      await asking;
      return [...lines];
    },
    until: (words: string, line: string | RegExp) =>
      eventually(`${words} is ${String(line)}`, async () => {
        const answer = await ask(words);
        return typeof line === "string" ? answer === line : line.test(answer);
      }),
    async restart() {
      await program.stop();
      program = start();
      await untilLogged(program, /: checking/);
    },
    async reload(text: string) {
      const from = program.stderr().length;
      write(text);
      program.signal("SIGHUP");
      await untilLogged(program, /the configuration was read again/, from);
    },
  };
}

const tagOf = (...servers: readonly Server[]) =>
  `[[checker]]\nkind = "memcached"\ntag = "mem1"\nserver = [${servers.map(({ server }) => `"${server}"`).join(", ")}]`;

describe("a server that SIGHUP took off its tag's list", () => {
  test("is down for whoever asks for it, until it is listed again; the others go on", async () => {
    const [kept, removed] = [await startMemcached(), await startMemcached()];
    const agent = await startAgent(`store = "none"\n${tagOf(removed, kept)}`);
    for (const server of [kept, removed]) await agent.until(of(server), "up");
    await agent.reload(`store = "none"\n${tagOf(kept)}`);
    await agent.until(of(removed), GONE);
    await agent.until(of(kept), "up");
    expect(await agent.ask(TAG)).toBe("up");
    await agent.reload(`store = "none"\n${tagOf(kept, removed)}`);
    await agent.until(of(removed), "up");
    expect(agent.program.stderr()).not.toMatch(/warn/);
  });

  test("is nobody's when its tag has gone with it: no opinion, and a warning", async () => {
    const [kept, removed] = [await startMemcached(), await startMemcached()];
    const other = tagOf(kept).replace("mem1", "mem2");
    const agent = await startAgent(`store = "none"\n${tagOf(removed)}\n${other}`);
    await agent.until(of(removed), "up");
    await agent.reload(`store = "none"\n${other}`);
    await agent.until(of(removed), "");
    await untilLogged(agent.program, /asked for "memcached\/mem1\/.*there is no such tag here/);
  });
});

test("a server that stays on the list is not once called gone while the list is read anew", async () => {
  const [kept, other] = [await startMemcached(), await startMemcached()];
  const agent = await startAgent(`store = "none"\n${tagOf(kept, other)}`);
  await agent.until(of(kept), "up");
  await agent.until(of(other), "up");
  const said = await agent.during(of(kept), async () => {
    for (let times = 0; times < 3; times++) {
      await agent.reload(`store = "none"\n${tagOf(kept)}`);
      await agent.until(of(other), GONE);
      await agent.reload(`store = "none"\n${tagOf(kept, other)}`);
      await agent.until(of(other), "up");
    }
  });
  // "" is no opinion: the tag begins anew.
  expect(said.filter((line) => line !== "")).toEqual(["up"]);
});

describe("orders by hand, when SIGHUP changes the store", () => {
  test("are those of the new store at once, and of the old one no more", async () => {
    const [consul, server] = [await startConsul(), await startMemcached()];
    const folder = folderWith({ "kv/.keep": "" });
    const stores = { first: `file:${join(folder, "kv")}`, second: `consul://${consul.address}:${consul.port}` };
    const order = (store: string, ...words: readonly string[]) =>
      runProgram("confd-haproxy", ["agent", ...words, TAG, "--store", store]);
    const agent = await startAgent(`store = "${stores.first}"\n${tagOf(server)}`);
    await order(stores.first, "maint", "--reason", "disk", "--by", "eva");
    await order(stores.second, "drain", "--by", "ben");
    await agent.until(TAG, "maint #disk (eva)");
    await agent.reload(`store = "${stores.second}"\n${tagOf(server)}`);
    await agent.until(TAG, /^drain/);
    // The old store is not listened to: what is said there now changes nothing.
    await order(stores.first, "maint", "--reason", "ram", "--by", "eva");
    await order(stores.second, "ready");
    await agent.until(TAG, /up$/);
    expect(await agent.ask(TAG)).toMatch(/^(ready )?up$/);
    await order(stores.second, "maint", "--reason", "fan", "--by", "eva");
    await agent.until(TAG, "maint #fan (eva)");
  });

  test("are those of this machine's folder when there is no store any more, and of the store when there is one again", async () => {
    const server = await startMemcached();
    const folder = folderWith({ "kv/.keep": "" });
    const store = `file:${join(folder, "kv")}`;
    const agent = await startAgent(`store = "${store}"\n${tagOf(server)}`);
    await agent.agent("maint", TAG, "--reason", "disk", "--by", "eva", "--store", store);
    await agent.until(TAG, "maint #disk (eva)");
    await agent.reload(`store = "none"\n${tagOf(server)}`);
    await agent.until(TAG, /up$/);
    await agent.agent("maint", TAG, "--reason", "ram", "--by", "ben", ...agent.state);
    await agent.until(TAG, "maint #ram (ben)");
    await agent.reload(`store = "${store}"\n${tagOf(server)}`);
    await agent.until(TAG, "maint #disk (eva)");
  });

  test("stay those of the old store until the new one has told, and when that is never", async () => {
    const server = await startMemcached();
    const folder = folderWith({ "kv/.keep": "" });
    const [store, absent] = [`file:${join(folder, "kv")}`, `file:${join(folder, "not/there")}`];
    const agent = await startAgent(`store = "${store}"\n${tagOf(server)}`);
    await agent.agent("maint", TAG, "--reason", "disk", "--by", "eva", "--store", store);
    await agent.until(TAG, "maint #disk (eva)");
    const said = await agent.during(TAG, async () => {
      await agent.reload(`store = "${absent}"\n${tagOf(server)}`);
      await untilLogged(agent.program, /orders by hand: .*those that are known stay in force/);
      for (let times = 0; times < 20; times++) await agent.ask(TAG);
      await agent.reload(`store = "${store}"\n${tagOf(server)}`);
    });
    expect(said).toEqual(["maint #disk (eva)"]);
    await agent.agent("ready", TAG, "--store", store);
    await agent.until(TAG, /up$/);
  });

  test("that are in both stores hold on through the change", async () => {
    const [consul, server] = [await startConsul(), await startMemcached()];
    const folder = folderWith({ "kv/.keep": "" });
    const stores = [`consul://${consul.address}:${consul.port}`, `file:${join(folder, "kv")}`];
    const agent = await startAgent(`store = "${stores[0]}"\n${tagOf(server)}`);
    for (const store of stores) await agent.agent("maint", TAG, "--by", "eva", "--store", store);
    await agent.until(TAG, /^maint/);
    const said = await agent.during(TAG, async () => {
      for (const store of [1, 0, 1, 0]) await agent.reload(`store = "${stores[store]}"\n${tagOf(server)}`);
    });
    expect(said).toEqual([expect.stringMatching(/^maint/)]);
  });
});

test("an order outlives a restart: no ready is said before the store has told, also when it is away", async () => {
  const server = await startMemcached();
  const folder = folderWith({ "disk/kv/.keep": "" });
  const [disk, away] = [join(folder, "disk"), join(folder, "away")];
  const store = `file:${join(disk, "kv")}`;
  const agent = await startAgent(`store = "${store}"\n${tagOf(server)}`);
  await agent.agent("maint", TAG, "--reason", "disk", "--by", "eva", "--store", store);
  await agent.until(TAG, "maint #disk (eva)");
  renameSync(disk, away);
  await agent.restart();
  const said = await agent.during(TAG, async () => {
    await agent.until(TAG, /up$/);
    // Fails if the checker had begun a new store there.
    renameSync(away, disk);
    await agent.until(TAG, "maint #disk (eva)");
  });
  // While the order is not known HAProxy goes on with what it was told: up ends no maintenance. "" is no opinion.
  expect(said.filter((line) => line !== "").toSorted()).toEqual(["maint #disk (eva)", "up"]);
  await agent.agent("ready", TAG, "--store", store);
  await agent.until(TAG, "ready up");
});

test("an order outlives that the store's folder goes away and comes back while it is obeyed", async () => {
  const [server, other] = [await startMemcached(), await startMemcached()];
  const folder = folderWith({ "kv/.keep": "" });
  const store = `file:${join(folder, "kv")}`;
  const agent = await startAgent(`store = "${store}"\n${tagOf(server, other)}`);
  await untilLogged(agent.program, new RegExp(`publishing ${server.server}`));
  await eventually("it is published", () => existsSync(join(folder, "kv/haproxy", TAG)));
  await agent.agent("maint", TAG, "--reason", "disk", "--by", "eva", "--store", store);
  await agent.until(TAG, "maint #disk (eva)");
  const said = await agent.during(TAG, async () => {
    renameSync(join(folder, "kv"), join(folder, "away"));
    await untilLogged(agent.program, /orders by hand: .*there is no folder/);
    const from = agent.program.stderr().length;
    await server.kill();
    await untilLogged(agent.program, /will be published when the store answers/, from);
    renameSync(join(folder, "away"), join(folder, "kv"));
    await untilLogged(agent.program, /orders by hand: .* answers again/);
  });
  expect(said).toEqual(["maint #disk (eva)"]);
});
