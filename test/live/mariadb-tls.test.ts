import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { findBinary } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { type Mariadb, startMariadb } from "../support/mariadb.ts";
import { watchReplicas } from "../support/mysqlslave.ts";
import { tempDir } from "../support/temp-dir.ts";

let dir: string;
let address: string;
let server: Mariadb;
let elsewhere: Mariadb;

beforeAll(async () => {
  dir = tempDir("tls");
  const prefix = await loopbackPrefix();
  address = `${prefix}.2`;
  certificateAuthority("ca");
  certificateAuthority("other");
  certificate("server", `IP:${address},DNS:localhost`);
  certificate("client", "DNS:checker");
  server = await startMariadb({ address, config: tlsConfig() });
  // The same certificate where it does not belong.
  elsewhere = await startMariadb({ address: `${prefix}.3`, config: tlsConfig() });
});

function tlsConfig(): string[] {
  const files = { ca: "ca.pem", cert: "server.pem", key: "server.key" };
  return Object.entries(files).map(([name, file]) => `ssl_${name}=${join(dir, file)}`);
}

const ca = (name = "ca") => ({ "ssl-ca": join(dir, `${name}.pem`) });

describe("TLS", () => {
  test("with the right CA and a certificate that names the address the server is up, over TLS", async () => {
    await server.sql("ALTER USER 'monitor'@'127.%' REQUIRE SSL");
    expect(await watchReplicas(server, ca()).verdict(server)).toMatchObject({ state: "up" });
    expect(await watchReplicas(server).verdict(server)).toMatchObject({ state: "unknown" });
    await server.sql("ALTER USER 'monitor'@'127.%' REQUIRE NONE");
  });

  test("a certificate that names another host is refused, unless --ssl-verify is off", async () => {
    const verdict = await watchReplicas(elsewhere, ca()).verdict(elsewhere);
    expect(verdict).toMatchObject({ state: "unknown", reason: expect.stringMatching(/^TLS: .*(altnames|IP)/) });
    expect(await watchReplicas(elsewhere, { ...ca(), "ssl-verify": false }).verdict(elsewhere)).toMatchObject({
      state: "up",
    });
  });

  test("a certificate of another CA is refused, also when --ssl-verify is off", async () => {
    for (const verify of [true, false]) {
      const watch = watchReplicas(server, { ...ca("other"), "ssl-verify": verify });
      expect(await watch.verdict(server)).toMatchObject({ state: "unknown", reason: expect.stringMatching(/^TLS: /) });
    }
  });

  test("a server that wants a certificate of the checker gets it", async () => {
    await server.sql("ALTER USER 'monitor'@'127.%' REQUIRE X509");
    const own = { "ssl-cert": join(dir, "client.pem"), "ssl-key": join(dir, "client.key") };
    expect(await watchReplicas(server, { ...ca(), ...own }).verdict(server)).toMatchObject({ state: "up" });
    expect(await watchReplicas(server, ca()).verdict(server)).toMatchObject({ state: "unknown" });
    await server.sql("ALTER USER 'monitor'@'127.%' REQUIRE NONE");
  });

  test("a server without TLS is not talked to in the clear", async () => {
    const plain = await startMariadb({ config: ["skip-ssl"] });
    expect(await watchReplicas(plain, ca()).verdict(plain)).toEqual({
      state: "unknown",
      reason: "login: Server does not support secure connection",
    });
  });

  test("the loss of the connection is told at once, as without TLS", async () => {
    const mortal = await startMariadb({ address: `${address}0`, config: tlsConfig() });
    const { service } = watchReplicas(mortal, { ...ca(), "ssl-verify": false });
    const probe = service.open({ host: mortal.address, port: mortal.port });
    const lost: string[] = [];
    probe.onLost?.((reason) => lost.push(reason));
    const signal = new AbortController().signal;
    await probe.check({ signal });
    await mortal.kill();
    await eventually("it is told", () => lost.length > 0);
    expect(lost).toHaveLength(1);
    await mortal.restart();
    expect(await probe.check({ signal })).toMatchObject({ state: "up" });
    await probe.close();
  });

  test("files that cannot be read are named, and are no server's fault", async () => {
    const watch = watchReplicas(server, { "ssl-ca": join(dir, "missing.pem") });
    expect(await watch.verdict(server)).toEqual({
      state: "unknown",
      reason: `${join(dir, "missing.pem")} cannot be read (ENOENT)`,
    });
  });

  test("a CA file that is replaced counts for the next connection", async () => {
    const path = join(dir, "changing.pem");
    copy("other.pem", path);
    const watch = watchReplicas(server, { "ssl-ca": path });
    expect(await watch.verdict(server)).toMatchObject({ state: "unknown" });
    copy("ca.pem", path);
    expect(await watch.verdict(server)).toMatchObject({ state: "up" });
  });
});

test("a password file that is replaced counts for the next connection", async () => {
  const file = join(dir, "password");
  writeFileSync(file, "old\n");
  const watch = watchReplicas(server, { "password-file": file });
  expect(await watch.verdict(server)).toMatchObject({ state: "unknown" });
  writeFileSync(file, "monitor\n");
  expect(await watch.verdict(server)).toMatchObject({ state: "up" });
});

function certificateAuthority(name: string): void {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${name}.key`];
  openssl("req", "-x509", ...key, "-out", `${name}.pem`, "-days", "2", "-subj", `/CN=${name}`);
}

function certificate(name: string, altNames: string): void {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${name}.key`];
  openssl("req", ...key, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
  writeFileSync(join(dir, `${name}.ext`), `subjectAltName=${altNames}\n`);
  const signedBy = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", `${name}.ext`];
  openssl("x509", "-req", "-in", `${name}.csr`, ...signedBy, "-out", `${name}.pem`, "-days", "2");
}

function openssl(...args: readonly string[]): void {
  execFileSync(findBinary("openssl"), args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
}

function copy(from: string, to: string): void {
  execFileSync("cp", [join(dir, from), to]);
}
