import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Snapshot, Store } from "../../src/core/store.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { releaseLater } from "../support/releases.ts";

/** Answers that a real Consul cannot be made to give. `asked` is the number of the request, from 0. */
type Script = (request: IncomingMessage, response: ServerResponse, asked: number) => void;

interface Scripted {
  readonly store: Store;
  /** The paths asked for so far. */
  readonly paths: string[];
  readonly call: { signal: AbortSignal };
}

async function scripted(script: Script): Promise<Scripted> {
  const host = `${await loopbackPrefix()}.1`;
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? "");
    script(request, response, paths.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(8_500, host, resolve));
  releaseLater("scripted Consul", () => {
    server.closeAllConnections();
    server.close();
  });
  const options = { type: "consul", addresses: [{ host, port: 8_500 }], consistency: "default" } as const;
  const timing = { waitMs: 1_000, marginMs: 500, requestMs: 1_000, gapMs: 1, ditherMs: 0 };
  const deps = { clock: systemClock, logger: createCaptureLogger(), consulTiming: timing };
  const store = await openStore(options, deps);
  releaseLater("store", () => store.close());
  const stop = new AbortController();
  releaseLater("watches", () => stop.abort());
  return { store, paths, call: { signal: stop.signal } };
}

function collect({ store, call }: Scripted): { snapshots: Snapshot[]; ended: Promise<unknown> } {
  const snapshots: Snapshot[] = [];
  const run = async () => {
    for await (const snapshot of store.watch("haproxy/", call)) snapshots.push(snapshot);
  };
  return {
    snapshots,
    ended: run().then(
      () => "ended without an error",
      (error: unknown) => error,
    ),
  };
}

function pairs(values: Record<string, string>): string {
  const rows = Object.entries(values).map(([Key, value], i) => ({
    LockIndex: 0,
    Key,
    Flags: 0,
    Value: Buffer.from(value).toString("base64"),
    CreateIndex: i + 1,
    ModifyIndex: i + 1,
  }));
  return JSON.stringify(rows);
}

function answer(response: ServerResponse, index: string | undefined, body: string, status = 200): void {
  response.writeHead(status, index === undefined ? {} : { "X-Consul-Index": index });
  response.end(body);
}

const CHUNKED = "X-Consul-Index: 1\r\nTransfer-Encoding: chunked\r\n\r\n";

const isBlocking = (request: IncomingMessage) => request.url?.includes("index=") === true;

describe("indexes that are not as they should be", () => {
  test("one that goes backwards during a watch: what came is taken, and the next question does not wait", async () => {
    const consul = await scripted((_request, response, asked) => {
      if (asked === 0) answer(response, "500", pairs({ "haproxy/a": "old" }));
      else if (asked === 1) answer(response, "7", pairs({ "haproxy/a": "restored" }));
      else if (asked === 2) answer(response, "8", pairs({ "haproxy/a": "newest" }));
    });
    const { snapshots } = collect(consul);
    await eventually("a question that waits again", () => consul.paths.length === 4);
    expect(snapshots.map((snapshot) => snapshot.pairs[0]?.value)).toEqual(["old", "restored", "newest"]);
    expect(consul.paths[1]).toContain("index=500");
    expect(consul.paths[2]).not.toContain("index=");
    expect(consul.paths[3]).toContain("index=8");
  });

  test("an index of 0 is taken as 1, so that the next question waits", async () => {
    const consul = await scripted((request, response) => {
      if (!isBlocking(request)) answer(response, "0", pairs({ "haproxy/a": "1" }));
    });
    collect(consul);
    await eventually("the second question", () => consul.paths.length === 2);
    expect(consul.paths[1]).toContain("index=1&");
  });

  test("no index at all: a list is fine, a watch says that it cannot wait", async () => {
    const consul = await scripted((_request, response) => answer(response, undefined, pairs({ "haproxy/a": "1" })));
    expect((await consul.store.list("haproxy/", consul.call)).pairs).toHaveLength(1);
    const { ended } = collect(consul);
    expect(await ended).toMatchObject({ code: "E_STORE_INVALID", message: expect.stringContaining("X-Consul-Index") });
  });
});

describe("answers that are no news", () => {
  test("another index, flags and lock with equal keys and values wake nobody", async () => {
    const body = pairs({ "haproxy/a": "1", "haproxy/b": "2" });
    const consul = await scripted((_request, response, asked) => {
      if (asked === 0) answer(response, "10", body);
      else if (asked === 1) answer(response, "11", body.replaceAll('"ModifyIndex":2', '"ModifyIndex":11'));
      else if (asked === 2) answer(response, "12", body.replaceAll('"Flags":0', '"Flags":42'));
      else if (asked === 3) answer(response, "13", body);
      else if (asked === 4) answer(response, "14", pairs({ "haproxy/a": "changed" }));
    });
    const { snapshots } = collect(consul);
    await eventually("the change", () => snapshots.at(-1)?.pairs[0]?.value === "changed");
    expect(snapshots).toHaveLength(2);
  });
});

describe("empty answers that must not be believed", () => {
  test("nothing, from a server that knows of no leader, is stale", async () => {
    const consul = await scripted((_request, response) => {
      response.writeHead(404, { "X-Consul-Index": "5", "X-Consul-Knownleader": "false" });
      response.end();
    });
    await expect(consul.store.list("haproxy/", consul.call)).rejects.toMatchObject({ code: "E_STORE_STALE" });
    await expect(consul.store.list("haproxy/a", consul.call)).rejects.toMatchObject({ code: "E_STORE_STALE" });
    await expect(consul.store.get("haproxy/a", consul.call)).rejects.toMatchObject({ code: "E_STORE_STALE" });
  });

  test("an empty list during a watch, when a key below it is denied, ends the watch as denied", async () => {
    const consul = await scripted((request, response, asked) => {
      if (asked === 0) answer(response, "5", pairs({ "haproxy/a": "1" }));
      else if (request.url?.includes("recurse")) answer(response, "6", "[]\n");
      else answer(response, undefined, "Permission denied", 403);
    });
    const { snapshots, ended } = collect(consul);
    expect(await ended).toMatchObject({ code: "E_STORE_DENIED" });
    expect(snapshots).toHaveLength(1);
  });

  test("a leader that is lost during a watch is told apart", async () => {
    const consul = await scripted((_request, response, asked) => {
      if (asked === 0) answer(response, "5", pairs({ "haproxy/a": "1" }));
      else answer(response, undefined, "No cluster leader", 500);
    });
    const { snapshots, ended } = collect(consul);
    expect(await ended).toMatchObject({ code: "E_STORE_NO_LEADER" });
    expect(snapshots).toHaveLength(1);
  });
});

describe("answers that are not Consul's", () => {
  test.each<[string, Script]>([
    ["a web page", (_request, response) => answer(response, "1", "<html>hello</html>")],
    ["a redirect", (_request, response) => answer(response, undefined, "moved", 301)],
    ["half of a list", (_request, response) => answer(response, "1", pairs({ "haproxy/a": "1" }).slice(0, -5))],
    ["something that is not HTTP", (request) => request.socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
    [
      "an answer that ends in two ways",
      (request) => request.socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${CHUNKED}2\r\n[]\r\n0\r\n\r\n`),
    ],
    [
      "an answer with another behind it",
      (request) => request.socket.write(`HTTP/1.1 200 OK\r\n${CHUNKED}2\r\n[]\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n`),
    ],
    [
      "a compressed answer that is damaged",
      (_request, response) => {
        response.writeHead(200, { "X-Consul-Index": "1", "Content-Encoding": "gzip" });
        response.end("not gzip");
      },
    ],
  ])("%s is invalid", async (_what, script) => {
    const consul = await scripted(script);
    await expect(consul.store.list("haproxy/", consul.call)).rejects.toMatchObject({ code: "E_STORE_INVALID" });
  });

  test("an answer to a write that is neither true nor false is invalid", async () => {
    const consul = await scripted((_request, response) => answer(response, undefined, "maybe"));
    await expect(consul.store.put("a", "1", consul.call)).rejects.toMatchObject({ code: "E_STORE_INVALID" });
  });

  test("an answer without an end is cut at its bound instead of filling the memory", async () => {
    const megabyte = Buffer.alloc(1_048_576, " ");
    const consul = await scripted((_request, response) => {
      response.writeHead(200, { "X-Consul-Index": "1" });
      const pour = () => {
        while (!response.destroyed && response.write(megabyte));
      };
      response.on("drain", pour);
      pour();
    });
    const call = { ...consul.call, timeoutMs: 20_000 };
    await expect(consul.store.list("haproxy/", call)).rejects.toMatchObject({
      code: "E_STORE_INVALID",
      message: expect.stringContaining("64 MiB"),
    });
  });

  test("a compressed answer that unpacks beyond the bound is refused", async () => {
    const bomb = gzipSync(Buffer.alloc(80 * 1_048_576, " "));
    const consul = await scripted((_request, response) => {
      response.writeHead(200, { "X-Consul-Index": "1", "Content-Encoding": "gzip" });
      response.end(bomb);
    });
    const call = { ...consul.call, timeoutMs: 20_000 };
    await expect(consul.store.list("haproxy/", call)).rejects.toMatchObject({ code: "E_STORE_INVALID" });
  });

  test("a good compressed answer is unpacked", async () => {
    const consul = await scripted((_request, response) => {
      response.writeHead(200, { "X-Consul-Index": "1", "Content-Encoding": "gzip" });
      response.end(gzipSync(pairs({ "haproxy/a": "1" })));
    });
    expect((await consul.store.list("haproxy/", consul.call)).pairs[0]?.value).toBe("1");
  });
});

describe("answers that do not come", () => {
  test("one that drips byte by byte is given up when the time is up", async () => {
    const consul = await scripted((_request, response) => {
      response.writeHead(200, { "X-Consul-Index": "1" });
      const drip = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(drip));
    });
    const call = { ...consul.call, timeoutMs: 300 };
    await expect(consul.store.list("haproxy/", call)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
  });

  test("a connection that is cut within an answer is unreachable, not a short list", async () => {
    const consul = await scripted((_request, response) => {
      response.writeHead(200, { "X-Consul-Index": "1", "Content-Length": "1000" });
      response.write(pairs({ "haproxy/a": "1" }));
      setTimeout(() => response.destroy(), 50);
    });
    await expect(consul.store.list("haproxy/", consul.call)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
  });

  test("chunks that end without the last one are unreachable, not a short list", async () => {
    const consul = await scripted((request) => request.socket.end(`HTTP/1.1 200 OK\r\n${CHUNKED}2\r\n[]\r\n`));
    await expect(consul.store.list("haproxy/", consul.call)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
  });

  test("a kept connection that dies under the next request is replaced, but not under a check-and-set", async () => {
    const consul = await scripted((request, response, asked) => {
      if (asked % 2 === 0) answer(response, "1", request.method === "PUT" ? "true" : pairs({ "haproxy/a": "1" }));
      else request.socket.destroy();
    });
    const { store, call } = consul;
    await store.get("haproxy/a", call);
    expect((await store.get("haproxy/a", call))?.value).toBe("1");
    expect(consul.paths).toHaveLength(3);
    const write = store.put("haproxy/a", "2", { ...call, ifIndex: "1" });
    await expect(write).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    expect(consul.paths).toHaveLength(4);
  });

  test("a blocking query gets its wait, its sixteenth and a margin, and no more", async () => {
    const consul = await scripted((request, response) => {
      if (!isBlocking(request)) answer(response, "5", pairs({ "haproxy/a": "1" }));
    });
    const { ended } = collect(consul);
    expect(await ended).toMatchObject({ code: "E_STORE_UNREACHABLE" });
    expect(consul.paths[1]).toContain("wait=1000ms");
  });

  test("a caller's time for each request shortens the wait", async () => {
    const consul = await scripted((request, response) => {
      if (!isBlocking(request)) answer(response, "5", pairs({ "haproxy/a": "1" }));
    });
    const watch = consul.store.watch("haproxy/", { ...consul.call, timeoutMs: 680 })[Symbol.asyncIterator]();
    await watch.next();
    await expect(watch.next()).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    // Half of it is margin, and Consul may add a sixteenth to the other half.
    expect(consul.paths[1]).toContain("wait=320ms");
  });
});

test("the token is sent in its header and never in the address", async () => {
  const host = `${await loopbackPrefix()}.1`;
  const seen: { url: string | undefined; token: unknown }[] = [];
  const server = createServer((request, response) => {
    seen.push({ url: request.url, token: request.headers["x-consul-token"] });
    answer(response, "1", "true");
  });
  await new Promise<void>((resolve) => server.listen(8_500, host, resolve));
  releaseLater("scripted Consul", () => {
    server.closeAllConnections();
    server.close();
  });
  const options = {
    type: "consul",
    addresses: [{ host, port: 8_500 }],
    consistency: "stale",
    token: "s3cret",
  } as const;
  const store = await openStore(options, { clock: systemClock, logger: createCaptureLogger() });
  releaseLater("store", () => store.close());
  await store.put("haproxy/a", "1", { signal: new AbortController().signal });
  expect(seen).toEqual([{ url: "/v1/kv/haproxy/a", token: "s3cret" }]);
  expect(store.name).not.toContain("s3cret");
});
