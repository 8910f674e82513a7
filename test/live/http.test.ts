import { createServer, type Server as HttpServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { beforeAll, describe, expect, test } from "vitest";
import { http } from "../../checkers/http.ts";
import { runGroup } from "../../src/check/group.ts";
import type { GroupOptions } from "../../src/check/options.ts";
import { ask } from "../../src/check/probe.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Authority, createAuthority } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { groupOptions } from "../support/group-options.ts";
import { type HealthPage, startHealthServer } from "../support/http-health.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { folderWith, runProgram } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import { serviceContext } from "../support/service-context.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Far more than a server on this machine needs, and far less than a test may take. */
const PATIENCE_MS = 5_000;

/** The deadline where it is meant to pass. */
const SHORT_MS = 200;

const never = new AbortController().signal;

/** What the first server of these options is found to be, over a connection that is kept between two questions. */
async function startAsking(options: OptionValues): Promise<(timeoutMs?: number) => Promise<Verdict>> {
  const service = http.create(options, serviceContext());
  const [target] = await service.discover({ signal: never });
  if (target === undefined) throw new Error("there is one server");
  const probe = service.open(target);
  releaseLater("probe", () => probe.close());
  return (timeoutMs = PATIENCE_MS) => ask(probe, timeoutMs, never);
}

const json = (document: unknown): HealthPage => ({ body: JSON.stringify(document) });
const RULES = { "state-path": "status", "weight-by": "load:0.5", "maxconn-path": "pool.size", drain: "503" };
const GOOD = json({ status: "UP", load: 0.5, pool: { size: 20 } });
const UP = { state: "up", reason: "it answers 200", weightPercent: 75, maxconn: 20 };

describe("a page that says more than its code", () => {
  test.each<[string, HealthPage, Verdict]>([
    ["500", { ...GOOD, status: 500 }, { state: "down", reason: "it answers 500" }],
    ["503 with a body", { ...GOOD, status: 503 }, { state: "drain", reason: "it answers 503" }],
    [
      "a redirect to where it is well",
      { status: 302, headers: { location: "/health" }, body: GOOD.body ?? "" },
      { state: "down", reason: "it answers 302" },
    ],
    ["401", { status: 401 }, { state: "down", reason: "it answers 401" }],
    ["no content", { status: 204 }, { state: "down", reason: "its answer is not JSON" }],
    ["a page for people", { body: "<html>fine</html>" }, { state: "down", reason: "its answer is not JSON" }],
    ["half a document", { body: '{"status":"UP"' }, { state: "down", reason: "its answer is not JSON" }],
    ["no state", json({ load: 0 }), { state: "down", reason: "its answer has no status" }],
    ["a word that means drain", json({ status: "maintenance" }), { state: "drain", reason: 'it says "maintenance"' }],
    ["any other word", json({ status: "OUT_OF_SERVICE" }), { state: "down", reason: 'it says "OUT_OF_SERVICE"' }],
    ["no load", json({ status: "UP", pool: { size: 1 } }), { state: "down", reason: "its load is not a number" }],
    [
      "no maxconn",
      json({ status: "UP", load: 0, pool: [] }),
      { state: "down", reason: "its pool.size is not a number of connections" },
    ],
    [
      "no connections at all",
      json({ status: "UP", load: 0, pool: { size: 0 } }),
      { state: "drain", reason: "its pool.size is 0" },
    ],
    [
      "more than anybody reads",
      { body: " ".repeat(70_000) + GOOD.body },
      { state: "down", reason: "its answer is too long" },
    ],
    [
      "an end in the middle",
      { breaks: "ends-early" },
      { state: "down", reason: "it closed the connection in the middle of its answer" },
    ],
  ])("and answers %s", async (_, page, verdict) => {
    const server = await startHealthServer({ page: GOOD });
    const found = await startAsking({ url: server.url, ...RULES });
    expect(await found()).toEqual(UP);
    await server.say(page);
    expect(await found()).toEqual(verdict);
    await server.say(GOOD);
    expect(await found()).toEqual(UP);
  });

  test.each(["hangs", "drips"] as const)("and %s is waited for no longer than it may take", async (breaks) => {
    const server = await startHealthServer({ page: GOOD });
    const found = await startAsking({ url: server.url, ...RULES });
    expect(await found()).toEqual(UP);
    await server.say({ breaks });
    expect(await found(SHORT_MS)).toEqual({ state: "down", reason: `no answer within ${SHORT_MS} ms` });
    await server.say(GOOD);
    expect(await found()).toEqual(UP);
  });

  test("is asked for as JSON", async () => {
    const server = await startHealthServer({ page: GOOD });
    await (await startAsking({ url: server.url, ...RULES }))();
    await (await startAsking({ url: server.url }))();
    const [first, second] = await server.asked();
    expect(first).toMatchObject({ accept: "application/json", "user-agent": "confd-haproxy", url: "/health" });
    expect(second).not.toHaveProperty("accept");
  });
});

describe("a page whose code says all", () => {
  test("may be of any length, and in any form", async () => {
    const server = await startHealthServer();
    await server.say({ body: "x".repeat(300_000) });
    const found = await startAsking({ url: server.url });
    for (let round = 0; round < 3; round++) expect(await found()).toEqual({ state: "up", reason: "it answers 200" });
  });

  test("says nothing with the codes that mean so", async () => {
    const server = await startHealthServer({ page: { status: 403 } });
    const found = await startAsking({ url: server.url, unknown: "401,403" });
    expect(await found()).toEqual({ state: "unknown", reason: "it answers 403" });
  });

  test("is up with those codes only that mean so", async () => {
    const server = await startHealthServer({ page: { status: 302, headers: { location: "/login" } } });
    expect(await (await startAsking({ url: server.url, up: "200,301-302" }))()).toMatchObject({ state: "up" });
    expect((await server.asked()).map(({ url }) => url)).toEqual(["/health"]);
  });

  test("is asked for with headers, a host among them", async () => {
    const server = await startHealthServer();
    const found = await startAsking({ url: server.url, header: "Host: shop.test\nX-Token: abc def\nUser-Agent: us" });
    expect(await found()).toMatchObject({ state: "up" });
    expect(await server.asked()).toEqual([
      expect.objectContaining({ host: "shop.test", "x-token": "abc def", "user-agent": "us" }),
    ]);
  });
});

describe("over TLS", () => {
  let authority: Authority;
  let prefix: string;
  beforeAll(async () => {
    authority = createAuthority();
    prefix = await loopbackPrefix();
  });

  async function listen(server: HttpServer, address: string, port: number): Promise<void> {
    await new Promise<void>((resolve) => server.listen(port, address, resolve));
    releaseLater("server", () => {
      server.closeAllConnections();
      server.close();
    });
  }

  async function startTls(names: readonly string[], when?: "over"): Promise<string> {
    const server = createTlsServer(authority.sign(names, when), (_, answer) => answer.end("ok"));
    await listen(server, `${prefix}.2`, 21_843);
    return `https://${prefix}.2:21843/health`;
  }

  test("a server with a certificate of the CA is up", async () => {
    const found = await startAsking({ url: await startTls([`IP:${prefix}.2`]), "ssl-ca": authority.file });
    for (let round = 0; round < 3; round++) expect(await found()).toEqual({ state: "up", reason: "it answers 200" });
  });

  test("a certificate that is not trusted says nothing about the server, unless nobody looks at it", async () => {
    const url = await startTls([`IP:${prefix}.2`]);
    const stranger = { url, "ssl-ca": createAuthority().file };
    for (const options of [{ url }, stranger]) {
      expect(await (await startAsking(options))()).toEqual({
        state: "unknown",
        reason: expect.stringMatching(/^TLS: (unable to verify|self-signed|unable to get)/),
      });
    }
    expect(await (await startAsking({ url, "ssl-verify": false }))()).toMatchObject({ state: "up" });
  });

  test.each<[string, () => Promise<string>, RegExp]>([
    ["of somebody else", () => startTls(["DNS:other.test"]), /^TLS: .*altnames/],
    ["that is over", () => startTls([`IP:${prefix}.2`], "over"), /^TLS: certificate has expired$/],
  ])("a certificate %s says nothing about the server", async (_, start, reason) => {
    const found = await startAsking({ url: await start(), "ssl-ca": authority.file });
    expect(await found()).toEqual({ state: "unknown", reason: expect.stringMatching(reason) });
  });

  test("a server that speaks no TLS is down", async () => {
    const server = createServer((_, answer) => answer.end("ok"));
    await listen(server, `${prefix}.2`, 21_843);
    const found = await startAsking({ url: `https://${prefix}.2:21843/`, "ssl-ca": authority.file });
    expect(await found()).toEqual({ state: "down", reason: "TLS: wrong version number" });
  });
});

/** A whole checker over a folder, until the test ends. */
async function startChecker(options: OptionValues, more: Partial<GroupOptions> = {}) {
  const folder = tempDir("store");
  const logger = createCaptureLogger();
  const store = await openStore({ type: "file", path: folder }, { clock: systemClock, logger: createCaptureLogger() });
  releaseLater("store", () => store.close());
  const controller = new AbortController();
  const running = runGroup(groupOptions({ tag: "web", values: options, intervalMs: 100, pulseMs: 0, ...more }), {
    checker: http,
    store,
    clock: systemClock,
    logger,
    signal: controller.signal,
  });
  running.catch(() => {});
  releaseLater("checker", async () => {
    controller.abort(new Error("the test is over"));
    await running;
  });
  const published = async () => {
    const pair = await store.get("haproxy/http/web", { signal: never, timeoutMs: PATIENCE_MS });
    const { host, port } = JSON.parse(pair?.value ?? "{}");
    return `${host}:${port}`;
  };
  const messages = () => logger.messages();
  return {
    messages,
    published,
    until: (server: { readonly server: string }) =>
      eventually(`${server.server} is published`, async () => (await published()) === server.server),
    untilSaid: (pattern: RegExp) =>
      eventually(`it says ${pattern}`, () => messages().some((line) => pattern.test(line))),
  };
}

async function startTwo() {
  const prefix = await loopbackPrefix();
  return Promise.all([startHealthServer({ address: `${prefix}.2` }), startHealthServer({ address: `${prefix}.3` })]);
}

describe("the published server", () => {
  test("is replaced when it is killed, when it hangs and when it drains, and does not get its place back", async () => {
    const [one, two] = await startTwo();
    const checker = await startChecker({ url: `${one.url},${two.url}`, drain: "503" });
    await checker.until(one);
    await one.kill();
    await checker.until(two);
    await one.restart();
    await checker.untilSaid(new RegExp(`${one.server} is up again`));
    expect(await checker.published()).toBe(two.server);
    two.pause();
    await checker.until(one);
    two.resume();
    await checker.untilSaid(new RegExp(`${two.server} is up again`));
    await one.say({ status: 503 });
    await checker.until(two);
    await checker.untilSaid(new RegExp(`${one.server} is drain.*it answers 503`));
  });

  test("stays when its answer says nothing", async () => {
    const [one, two] = await startTwo();
    const checker = await startChecker({ url: `${one.url},${two.url}`, unknown: "401" });
    await checker.until(one);
    await one.say({ status: 401 });
    await checker.untilSaid(/it answers 401/);
    expect(await checker.published()).toBe(one.server);
    await one.say({ status: 500 });
    await checker.until(two);
  });

  test("is in no doubt when it closes connections on which nothing is asked, as each server does sometime", async () => {
    const prefix = await loopbackPrefix();
    const one = await startHealthServer({ address: `${prefix}.2`, keepAliveMs: 50 });
    let connections = 0;
    const server = createServer((_, answer) => answer.end("ok"));
    // It keeps each connection for one answer, without saying so.
    server.on("request", (question, answer) =>
      answer.on("finish", () => setImmediate(() => question.socket.destroy())),
    );
    server.on("connection", () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(21_800, `${prefix}.3`, resolve));
    releaseLater("server", () => {
      server.closeAllConnections();
      server.close();
    });
    const checker = await startChecker(
      { url: `http://${prefix}.3:21800/x,${one.url}` },
      { intervalMs: 20, thresholds: { rise: 1, fall: 1 } },
    );
    await eventually("it has come back often", async () => connections > 10 && (await one.asked()).length > 10);
    expect(checker.messages().filter((line) => line.includes("down"))).toEqual([]);
    expect(await checker.published()).toBe(`${prefix}.3:21800`);
  });
});

describe("checkers http, as people run it", () => {
  test("one round without a store says who is up, and its exit code is for external-check and cron", async () => {
    const server = await startHealthServer();
    const once = ["http", "--tag", "web", "--url", server.url, "--store", "none", "--once"];
    const good = await runProgram("checkers", once);
    expect(good).toMatchObject({ code: 0, stderr: "" });
    expect(good.stdout).toContain(`${server.server} is up`);
    await server.say({ status: 500 });
    const bad = await runProgram("checkers", once);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/down +it answers 500/);
  });

  test("a header is a secret: it comes from the environment or a file, and not from the command line", async () => {
    const server = await startHealthServer();
    const once = ["http", "--tag", "web", "--url", server.url, "--store", "none", "--once"];
    const flag = await runProgram("checkers", [...once, "--header", "X-Token: abc"]);
    expect(flag.code).toBe(2);
    expect(flag.stderr).toContain("--header is not taken on the command line");
    expect((await runProgram("checkers", once, { CONFD_HAPROXY_HEADER: "X-Token: from env" })).code).toBe(0);
    const dir = folderWith({
      "web.conf": "[web]\nheader = X-Token: from conf\n",
      "checkers.toml": `store = "none"\n[[checker]]\nkind = "http"\ntag = "web"\nurl = ["${server.url}"]\nheader = """X-Token: from toml\nX-More: yes"""\n`,
    });
    expect((await runProgram("checkers", [...once, "--conf", `${dir}/web.conf`])).code).toBe(0);
    expect((await runProgram("checkers", ["--config", `${dir}/checkers.toml`, "--once"])).code).toBe(0);
    const asked = await server.asked();
    expect(asked.map((headers) => headers["x-token"])).toEqual(["from env", "from conf", "from toml"]);
    expect(asked.at(-1)).toMatchObject({ "x-more": "yes" });
  });
});
