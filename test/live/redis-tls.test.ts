import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import type { OptionValues } from "../../src/core/option.ts";
import type { Target } from "../../src/core/targets.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { MASTER_NAME, type Redis, startRedis, startSentinel } from "../support/redis.ts";
import { startAsking } from "../support/redis-checker.ts";
import { releaseLater } from "../support/releases.ts";
import { tempDir } from "../support/temp-dir.ts";

const TLS_PORT = 21_640;

let dir: string;
let prefix: string;
let options: { readonly "redis-tls": true; readonly "redis-ca-file": string };

const file = (name: string) => join(dir, name);
const read = (name: string) => readFileSync(file(name));

/** One CA, one certificate for all addresses of the prefix that are used, one for a client, and another CA. */
beforeAll(async () => {
  dir = tempDir("tls");
  prefix = await loopbackPrefix();
  for (const name of ["ca", "other-ca"]) createCa(name);
  sign("server", [`IP:${prefix}.2`, `IP:${prefix}.11`, "DNS:redis.test"]);
  sign("client", ["DNS:client.test"]);
  options = { "redis-tls": true, "redis-ca-file": file("ca.pem") };
});

function serverArgs(more: readonly string[] = []): readonly string[] {
  const files = ["--tls-ca-cert-file", file("ca.pem"), "--tls-cert-file", file("server.pem")];
  return [
    ...["--tls-port", `${TLS_PORT}`, "--tls-auth-clients", "no"],
    ...files,
    "--tls-key-file",
    file("server.key"),
    ...more,
  ];
}

function overTls(server: Redis, more: OptionValues = {}) {
  const target: Target = { host: server.address, port: TLS_PORT };
  return { target, asking: startAsking({ server: [target], ...options, ...more }) };
}

describe("over TLS", () => {
  test("a server with a certificate of the CA is up, on one kept connection, and its loss is told at once", async () => {
    const server = await startRedis({ address: `${prefix}.2`, args: serverArgs() });
    const { asking, target } = overTls(server);
    const lost: string[] = [];
    asking.probe(target).onLost?.((reason) => lost.push(reason));
    for (let round = 0; round < 5; round++) expect(await asking.verdict(target)).toMatchObject({ state: "up" });
    await server.kill();
    await eventually("the loss is told", () => lost.length > 0);
    expect(await asking.verdict(target)).toEqual({ state: "down", reason: "connection refused" });
  });

  test("a server that hangs is down when its time is over, and up when it goes on", async () => {
    const server = await startRedis({ address: `${prefix}.2`, args: serverArgs() });
    const { asking, target } = overTls(server);
    await asking.verdict(target);
    server.pause();
    await eventually("it hangs", async () => (await asking.verdict(target, 150)).state === "down");
    expect(await asking.verdict(target, 150)).toEqual({ state: "down", reason: "no answer within 150 ms" });
    server.resume();
    expect(await asking.verdict(target)).toMatchObject({ state: "up" });
  });

  test("a certificate that is not accepted says nothing about the server, and no password is sent", async () => {
    const server = await startRedis({ address: `${prefix}.2`, args: serverArgs(), password: "secret" });
    const wrong: readonly (readonly [OptionValues, RegExp])[] = [
      [{ "redis-ca-file": file("other-ca.pem") }, /^TLS: unable to verify|^TLS: self-signed|^TLS: unable to get/],
      [{ "redis-server-name": "other.test" }, /^TLS: .*altnames/],
      [{ "redis-ca-file": file("none.pem") }, /^cannot read --redis-ca-file \(ENOENT\)$/],
    ];
    for (const [more, reason] of wrong) {
      const { asking, target } = overTls(server, { password: "secret", ...more });
      const verdict = await asking.verdict(target);
      expect(verdict.reason).toMatch(reason);
      expect(verdict.state).toBe("unknown");
    }
    expect(String(await server.command("INFO", "commandstats"))).not.toContain("cmdstat_role");
    const { asking, target } = overTls(server, { password: "secret", "redis-server-name": "redis.test" });
    expect(await asking.verdict(target)).toMatchObject({ state: "up" });
  });

  test("whoever cannot show a certificate of the CA is sent nothing, above all no password", async () => {
    const received: Buffer[] = [];
    let handshakes = 0;
    const impostor = createTlsServer({ cert: read("other-ca.pem"), key: read("other-ca.key") }, (socket) => {
      handshakes += 1;
      socket.on("error", () => socket.destroy());
      socket.on("data", (bytes) => received.push(bytes));
    });
    // A client that hangs up in the middle of it was there as well.
    impostor.on("tlsClientError", () => {
      handshakes += 1;
    });
    await new Promise<void>((resolve) => impostor.listen(TLS_PORT, `${prefix}.4`, resolve));
    releaseLater("impostor", () => void impostor.close());
    const target = { host: `${prefix}.4`, port: TLS_PORT };
    const asking = startAsking({ server: [target], ...options, password: "secret" });
    for (let round = 0; round < 5; round++) {
      expect(await asking.verdict(target)).toMatchObject({ state: "unknown", reason: expect.stringMatching(/^TLS: /) });
    }
    await eventually("it has seen them all", () => handshakes >= 5);
    expect(Buffer.concat(received).toString()).toBe("");
  });

  test("a server that wants a client certificate is up with one, and without one nobody can tell", async () => {
    const server = await startRedis({ address: `${prefix}.2`, args: serverArgs(["--tls-auth-clients", "yes"]) });
    const client = { "redis-cert-file": file("client.pem"), "redis-key-file": file("client.key") };
    const { asking, target } = overTls(server, client);
    expect(await asking.verdict(target)).toMatchObject({ state: "up" });
    const bare = overTls(server);
    expect(await bare.asking.verdict(bare.target)).toMatchObject({
      state: "unknown",
      reason: expect.stringMatching(/^TLS: .*certificate required/),
    });
  });

  test("a certificate that was renewed counts from the next connection on", async () => {
    const server = await startRedis({ address: `${prefix}.2`, args: serverArgs() });
    copyFileSync(file("other-ca.pem"), file("current.pem"));
    const { asking, target } = overTls(server, { "redis-ca-file": file("current.pem") });
    expect((await asking.verdict(target)).state).toBe("unknown");
    copyFileSync(file("ca.pem"), file("current.pem"));
    expect((await asking.verdict(target)).state).toBe("up");
  });

  test("a server that does not speak TLS says nothing about itself", async () => {
    const plain = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.once("data", () => socket.write("-ERR unknown command\r\n"));
      releaseLater("connection", () => void socket.destroy());
    });
    await new Promise<void>((resolve) => plain.listen(TLS_PORT, `${prefix}.3`, resolve));
    releaseLater("plain server", () => void plain.close());
    const target = { host: `${prefix}.3`, port: TLS_PORT };
    const verdict = await startAsking({ server: [target], ...options }).verdict(target);
    expect(verdict).toMatchObject({ state: "unknown", reason: expect.stringMatching(/^TLS: /) });
  });

  test("Sentinels are asked and listened to over TLS as well", async () => {
    const master = await startRedis({ address: `${prefix}.2`, args: serverArgs() });
    const sentinel = await startSentinel({
      address: `${prefix}.11`,
      master: { address: master.address, port: TLS_PORT },
      quorum: 1,
      lines: [...pairs(serverArgs()), "tls-replication yes"],
    });
    const asked: Target = { host: sentinel.address, port: TLS_PORT };
    const asking = startAsking({ sentinel: [asked], "master-name": MASTER_NAME, ...options });
    const target: Target = { host: master.address, port: TLS_PORT };
    expect(await asking.service.discover({ signal: new AbortController().signal })).toEqual([target]);
    expect(await asking.verdict(target)).toMatchObject({ state: "up" });
    await eventually("it is listened to", async () => {
      await asking.verdict(target);
      return String(await sentinel.command("CLIENT", "LIST", "TYPE", "pubsub")).includes("cmd=subscribe");
    });
    expect(asking.messages()).toEqual([]);
  });
});

/** Command line arguments as lines of a configuration. */
function pairs(args: readonly string[]): readonly string[] {
  return args.flatMap((word, at) => (word.startsWith("--") ? `${word.slice(2)} ${args[at + 1]}` : []));
}

function createCa(name: string): void {
  openssl(
    "req",
    "-x509",
    ...KEY,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.pem`,
    "-days",
    "2",
    "-subj",
    `/CN=${name}`,
  );
}

function sign(name: string, names: readonly string[]): void {
  openssl("req", ...KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
  writeFileSync(file(`${name}.ext`), `subjectAltName=${names.join(",")}\n`);
  const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", `${name}.ext`];
  openssl("x509", "-req", "-in", `${name}.csr`, ...by, "-out", `${name}.pem`, "-days", "2");
}

/** Quick to make, unlike RSA. */
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
}
