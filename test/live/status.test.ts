import { connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { memcached } from "../../checkers/memcached.ts";
import { runGroup } from "../../src/check/group.ts";
import type { GroupOptions } from "../../src/check/options.ts";
import type { GroupStatus } from "../../src/core/status.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { type StatusDeps, startStatusServer } from "../../src/observe/status-server.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { eventually } from "../support/eventually.ts";
import { groupOptions } from "../support/group-options.ts";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { startMemcached } from "../support/memcached.ts";
import { releaseLater } from "../support/releases.ts";
import type { Server } from "../support/server.ts";
import { tempDir } from "../support/temp-dir.ts";
import { parseExposition, seriesKey } from "../unit/observe/metrics-parser.ts";
import { groupStatus, manyGroups, serverStatus } from "../unit/observe/status-groups.ts";

const PREFIX = await loopbackPrefix();

async function start(deps: Partial<StatusDeps> = {}, options = { bind: `${PREFIX}.2`, port: 0 }) {
  const stop = new AbortController();
  const logger = createCaptureLogger();
  const groups = () => [groupStatus()];
  const status = await startStatusServer(options, {
    groups,
    clock: systemClock,
    logger,
    version: "1.2.3",
    signal: stop.signal,
    ...deps,
  });
  releaseLater("status server", () => status.close());
  const [, port] = /:(\d+)$/.exec(status.address) ?? [];
  const url = `http://${status.address}`;
  return { ...status, url, host: options.bind, port: Number(port), stop, logger };
}

/** Checks real servers over a folder until the test ends; returns how to read the state. */
function checking(servers: readonly Server[]): () => readonly GroupStatus[] {
  const stop = new AbortController();
  const logger = createCaptureLogger();
  let read: (() => GroupStatus) | undefined;
  const running = openStore({ type: "file", path: tempDir("store") }, { clock: systemClock, logger }).then(
    async (store) => {
      const onStatus = (reader: typeof read) => {
        read = reader;
      };
      await runGroup(optionsFor(servers), {
        checker: memcached,
        store,
        clock: systemClock,
        logger,
        signal: stop.signal,
        onStatus,
      });
      await store.close();
    },
  );
  releaseLater("checker", () => {
    stop.abort(new Error("the test is over"));
    return running;
  });
  return () => (read === undefined ? [] : [read()]);
}

function optionsFor(servers: readonly Server[]): GroupOptions {
  return groupOptions({
    tag: "mem11211",
    values: { server: servers.map(({ address, port }) => ({ host: address, port })) },
    pulseMs: 0,
  });
}

/** A client that says what it likes. */
async function dial({ host, port }: { readonly host: string; readonly port: number }) {
  const socket: Socket = connect({ host, port });
  let received = "";
  let closed = false;
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text;
  });
  // that the server cuts it off is what the tests are about
  socket.on("error", () => {});
  socket.once("close", () => {
    closed = true;
  });
  releaseLater("client", () => void socket.destroy());
  await eventually("the client is connected", () => !socket.connecting || closed);
  return {
    socket,
    received: () => received,
    untilClosed: () => eventually("the server closed the connection", () => closed),
  };
}

/** Whether the other side let go of a connection that nobody reads: what is sent to it comes back as an error. */
function isGone(socket: Socket): boolean {
  // between two requests an empty line means nothing (RFC 9112, 2.2)
  socket.write("\r\n");
  return socket.destroyed;
}

const REQUEST = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

describe("the pages", () => {
  test("health is ok as long as somebody answers", async () => {
    const { url } = await start({ groups: () => [] });
    const answer = await fetch(`${url}/healthz`);
    expect([answer.status, await answer.text()]).toEqual([200, "ok\n"]);
  });

  test("readiness comes when the last tag has read its entry, and names those that have not", async () => {
    let groups: readonly GroupStatus[] = [];
    const { url } = await start({ groups: () => groups });
    const ready = async () => {
      const answer = await fetch(`${url}/readyz`);
      return [answer.status, await answer.text()];
    };
    expect(await ready()).toEqual([503, "not ready\nno tag is checked yet\n"]);
    groups = [groupStatus(), groupStatus({ tag: "mem2", published: undefined })];
    expect(await ready()).toEqual([503, "not ready\nmemcached mem2: the store has not told yet what is published\n"]);
    groups = [groupStatus(), groupStatus({ tag: "mem2" })];
    expect(await ready()).toEqual([200, "ready\n"]);
  });

  test("each request shows the state of its own moment", async () => {
    let health: "up" | "down" = "up";
    const { url } = await start({
      groups: () => [groupStatus({ published: ["a:1"], servers: [serverStatus("a:1", { health })] })],
    });
    const text = async () => (await fetch(`${url}/status.txt`)).text();
    expect(await text()).toContain("1 good");
    health = "down";
    expect(await text()).toContain("BAD       memcached mem11211: a:1 is published but down");
  });

  test("status is JSON with the version and every tag", async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/status`);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(await answer.json()).toMatchObject({ version: "1.2.3", ready: true, tags: [{ tag: "mem11211" }] });
  });

  test("the front page is text for curl and HTML, with nothing allowed in it, for a browser", async () => {
    const { url } = await start();
    const curl = await fetch(url, { headers: { accept: "*/*" } });
    expect(curl.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(await curl.text()).toContain("GOOD      memcached mem11211");
    const browser = await fetch(url, { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } });
    expect(browser.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(browser.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(browser.headers.get("vary")).toBe("Accept");
    expect(await browser.text()).toMatch(/^<!doctype html>/);
  });

  test("the text is as wide as was asked for, within reason", async () => {
    const { url } = await start({
      groups: () => [groupStatus({ servers: [serverStatus("a:1", { reason: "word ".repeat(50) })] })],
    });
    const widest = async (query: string) => {
      const lines = (await (await fetch(`${url}/status.txt${query}`)).text()).split("\n");
      return Math.max(...lines.map((line) => line.length));
    };
    expect(await widest("")).toBeLessThanOrEqual(80);
    expect(await widest("?width=160")).toBeGreaterThan(120);
    for (const width of ["0", "wide", "1e9", "-80", "80.5"]) {
      expect((await fetch(`${url}/status.txt?width=${width}`)).status).toBe(400);
    }
  });

  test("metrics are what Prometheus reads, for a thousand tags as well", async () => {
    const { url } = await start({ groups: () => manyGroups(1_000) });
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const families = parseExposition(await answer.text());
    expect(families.get("confd_haproxy_checker_server_up")?.series.size).toBe(2_000);
    expect(families.get("confd_haproxy_checker_published")?.series.size).toBe(1_000);
    expect(families.get("confd_haproxy_checker_leader")?.series.size).toBe(0);
    expect(families.get("confd_haproxy_build_info")?.series.size).toBe(1);
  });

  test("HEAD has the headers of GET and no body", async () => {
    const { url } = await start();
    for (const path of ["/", "/status", "/healthz", "/nowhere"]) {
      const get = await fetch(`${url}${path}`);
      const head = await fetch(`${url}${path}`, { method: "HEAD" });
      expect([head.status, head.headers.get("content-type")]).toEqual([get.status, get.headers.get("content-type")]);
      expect(await head.text()).toBe("");
    }
  });

  test("any other method is told what is allowed, any other path which there are", async () => {
    const { url } = await start();
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const answer = await fetch(`${url}/status`, { method });
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
      await answer.text();
    }
    for (const path of ["/nowhere", "/status/", "/constructor", "/__proto__", "/..%2f..%2fetc/passwd"]) {
      const answer = await fetch(`${url}${path}`);
      expect(answer.status).toBe(404);
      expect(await answer.text()).toMatch(/\/status\.txt .*\n.*\/metrics /);
    }
  });

  test("a bug in what tells the state is one answer 500 and a line in the log", async () => {
    let broken = true;
    const groups = () => {
      if (broken) throw new Error("a bug");
      return [groupStatus()];
    };
    const { url, logger } = await start({ groups });
    for (const path of ["/status", "/metrics"]) expect((await fetch(`${url}${path}`)).status).toBe(500);
    expect(logger.lines.filter(({ level }) => level === "error").map(({ fields }) => fields)).toEqual([
      { err: "a bug", path: "/status" },
      { err: "a bug", path: "/metrics" },
    ]);
    broken = false;
    for (const path of ["/status", "/metrics"]) expect((await fetch(`${url}${path}`)).status).toBe(200);
  });
});

describe("of real servers", () => {
  test("it shows at once which one died and which one is published instead", async () => {
    const prefix = await loopbackPrefix();
    const servers = await Promise.all([2, 3].map((host) => startMemcached({ address: `${prefix}.${host}` })));
    const [first, second] = servers.map(({ server }) => server);
    const { url } = await start({ groups: checking(servers) });
    const text = async () => (await fetch(`${url}/status.txt?width=200`)).text();
    await eventually("it is ready", async () => (await fetch(`${url}/readyz`)).ok);
    await eventually("the first is published", async () => (await text()).includes(`: ${first} is published`));
    await servers[0]?.kill();
    await eventually("the second is published", async () =>
      (await text()).includes(`DEGRADED  memcached mem11211: ${second} is published; 1 of 2 servers is up`),
    );
    const families = parseExposition(await (await fetch(`${url}/metrics`)).text());
    const labels = { kind: "memcached", tag: "mem11211" };
    const value = (name: string, more = {}) =>
      families.get(`confd_haproxy_${name}`)?.series.get(seriesKey({ ...labels, ...more }));
    expect(value("checker_server_up", { server: first })).toBe(0);
    expect(value("checker_server_up", { server: second })).toBe(1);
    expect(value("checker_published", { server: second })).toBe(1);
    expect(value("checker_failed_probes_total")).toBeGreaterThanOrEqual(2);
    expect(value("checker_writes_total")).toBe(2);
    expect(value("checker_store_readable")).toBe(1);
  });
});

describe("where it listens", () => {
  test("says where, also on IPv6, with and without brackets", async () => {
    const { address, logger } = await start();
    expect(address).toMatch(new RegExp(`^${PREFIX.replaceAll(".", "\\.")}\\.2:\\d+$`));
    expect(logger.lines[0]).toMatchObject({ level: "info", fields: { url: `http://${address}/` } });
    for (const bind of ["[::1]", "::1"]) {
      const six = await start({}, { bind, port: 0 });
      expect(six.address).toMatch(/^\[::1\]:\d+$/);
      expect((await fetch(`${six.url}/healthz`)).status).toBe(200);
    }
  });

  test("a port in use is an error that names the flag and the port", async () => {
    const { port, address } = await start();
    await expect(start({}, { bind: `${PREFIX}.2`, port })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: `--status-port: ${address} is in use by another program`,
      hint: expect.stringContaining(`:${port}`),
    });
  });

  test("an address of another machine, of nobody, and a port that is none are errors that name their flag", async () => {
    const refusal = (bind: string, port: number) => expect(start({}, { bind, port })).rejects;
    await refusal("192.0.2.1", 0).toMatchObject({
      code: "E_CONFIG",
      message: "--status-bind: 192.0.2.1 is not an address of this machine",
    });
    await refusal("no-such-host.invalid", 0).toMatchObject({
      code: "E_CONFIG",
      message: /^--status-bind: cannot listen/,
    });
    await refusal("127.0.0.1:80", 0).toMatchObject({ code: "E_USAGE", message: /^--status-bind: "127.0.0.1:80"/ });
    await refusal(`${PREFIX}.2`, 65_536).toMatchObject({
      code: "E_USAGE",
      message: "--status-port: 65536 is not a port",
    });
  });
});

describe("the end", () => {
  test("comes at once with the signal though clients keep their connections, and the port is free again", async () => {
    const port = await freePort(`${PREFIX}.3`);
    const { stop, host } = await start({}, { bind: `${PREFIX}.3`, port });
    const kept = await dial({ host, port });
    kept.socket.write(REQUEST);
    await eventually("the first answer", () => kept.received().includes("ok\n"));
    const halfway = await dial({ host, port });
    halfway.socket.write("GET /sta");
    stop.abort(new Error("stop"));
    await Promise.all([kept.untilClosed(), halfway.untilClosed()]);
    await eventually("the port is free", () => start({}, { bind: `${PREFIX}.3`, port }));
  });

  test("may be asked for twice, and before the start", async () => {
    const { close } = await start();
    await Promise.all([close(), close()]);
    const stopped = AbortSignal.abort(new Error("told to stop"));
    await expect(start({ signal: stopped })).rejects.toThrow("told to stop");
  });

  test("needs nobody to close it: the server alone does not keep a process alive", async () => {
    const listening = () => process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
    const before = listening();
    await start();
    expect(listening()).toBe(before);
  });

  test("does not wait for metrics that are being made", async () => {
    const server = await start({ groups: () => manyGroups(1_000) });
    const pending = fetch(`${server.url}/metrics`).then(
      ({ status }) => status,
      () => "cut off",
    );
    const client = await dial(server);
    client.socket.write(REQUEST);
    await eventually("an answer", () => client.received().includes("ok\n"));
    await server.close();
    expect(["cut off", 200]).toContain(await pending);
    expect(server.logger.messages("error")).toEqual([]);
  });
});

describe("clients that mean no good", () => {
  test("garbage is answered with 400, and nobody else notices", async () => {
    const server = await start();
    for (const garbage of [
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "GET\r\n\r\n",
      "\0".repeat(1_000),
      "GET / HTTP/9.9\r\n\r\n",
    ]) {
      const client = await dial(server);
      client.socket.write(garbage);
      await client.untilClosed();
      expect(client.received()).toMatch(/^HTTP\/1\.1 400 /);
    }
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(server.logger.messages().filter((_, i) => i > 0)).toEqual([]);
  });

  test("headers without end are cut off", async () => {
    const server = await start();
    const client = await dial(server);
    client.socket.write(`GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}`);
    await client.untilClosed();
    expect(client.received()).toMatch(/^HTTP\/1\.1 431 /);
  });

  test("a body is ignored; one without end is cut off", async () => {
    const server = await start();
    const small = await fetch(`${server.url}/healthz`, { method: "POST", body: "x".repeat(10_000) });
    expect(small.status).toBe(405);
    const client = await dial(server);
    client.socket.write("POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    const pour = () => {
      while (client.socket.write("x".repeat(30_000)));
    };
    client.socket.on("drain", pour);
    pour();
    await client.untilClosed();
    expect(client.socket.bytesWritten).toBeLessThan(100_000_000);
  });

  test("whoever sends requests ahead of the answers is cut off: each answer may be large", async () => {
    let asked = 0;
    const server = await start({
      groups: () => {
        asked += 1;
        return manyGroups(100);
      },
    });
    const client = await dial(server);
    client.socket.write("GET /status HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1_000));
    await client.untilClosed();
    expect(asked).toBeLessThan(3);
  });

  test("whoever says nothing, or never ends, or reads nothing, is cut off; meanwhile others are served", async () => {
    // more than the kernel's buffers on both sides take
    const server = await start({ groups: () => manyGroups(40_000) });
    const silent = await dial(server);
    const drip = await dial(server);
    drip.socket.write("GET /sta");
    const deaf = await dial(server);
    deaf.socket.pause();
    deaf.socket.write("GET /status HTTP/1.1\r\nHost: a\r\n\r\n");
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    await Promise.all([silent.untilClosed(), drip.untilClosed()]);
    await eventually("the deaf one is cut off", () => isGone(deaf.socket), 25_000);
    expect(deaf.received()).toBe("");
  });

  test("more connections than there is room for are turned away, and there is room again afterwards", async () => {
    const server = await start();
    const clients = await Promise.all(Array.from({ length: 40 }, () => dial(server)));
    const open = () => clients.filter(({ socket }) => !socket.destroyed).length;
    await eventually("some were turned away", () => open() <= 32);
    expect(open()).toBe(32);
    for (const { socket } of clients) socket.destroy();
    await eventually("there is room again", async () => (await fetch(`${server.url}/healthz`)).ok);
  });
});
