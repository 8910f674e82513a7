import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { TlsOptions } from "../../src/core/store-options.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, consulBinary, startConsul } from "../support/consul.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { releaseLater } from "../support/releases.ts";
import { tempDir } from "../support/temp-dir.ts";

const HTTPS_PORT = 21_501;

let dir: string;
let address: string;
let consul: Consul;
let caFile: string;
let client: { certFile: string; keyFile: string };

beforeAll(async () => {
  dir = tempDir("tls");
  address = `${await loopbackPrefix()}.1`;
  caFile = join(dir, "consul-agent-ca.pem");
  client = { certFile: join(dir, "dc1-client-consul-0.pem"), keyFile: join(dir, "dc1-client-consul-0-key.pem") };
  tls("ca", "create");
  // Valid for its names and for 127.0.0.1, but not for the address that it listens on.
  tls("cert", "create", "-server", "-dc", "dc1");
  tls("cert", "create", "-client", "-dc", "dc1");
  consul = await startConsul({
    address,
    config: `
      ports { https = ${HTTPS_PORT} }
      ca_file = "${caFile}"
      cert_file = "${join(dir, "dc1-server-consul-0.pem")}"
      key_file = "${join(dir, "dc1-server-consul-0-key.pem")}"
      verify_incoming_https = true`,
  });
  await consul.kv.put("haproxy/a", "over TLS");
});

const call = { signal: new AbortController().signal };

async function read(tlsOptions: TlsOptions | undefined, port = HTTPS_PORT): Promise<string | undefined> {
  const base = { type: "consul", addresses: [{ host: address, port }], consistency: "default" } as const;
  const options = tlsOptions === undefined ? base : { ...base, tls: tlsOptions };
  const store = await openStore(options, { clock: systemClock, logger: createCaptureLogger() });
  releaseLater("store", () => store.close());
  return (await store.get("haproxy/a", call))?.value;
}

describe("Consul over TLS", () => {
  test("with the CA, a client certificate and the server's name it is as without", async () => {
    expect(await read({ caFile, ...client, serverName: "server.dc1.consul", verify: true })).toBe("over TLS");
  });

  test("without verification neither CA nor name are needed", async () => {
    expect(await read({ ...client, verify: false })).toBe("over TLS");
  });

  test.each([
    ["an unknown CA", () => ({ ...client, serverName: "server.dc1.consul", verify: true }), "--ca-file"],
    ["a name that is not in the certificate", () => ({ caFile, ...client, verify: true }), "--tls-server-name"],
    ["no client certificate", () => ({ caFile, serverName: "server.dc1.consul", verify: true }), "--cert-file"],
  ])("%s is an error that says what to give", async (_what, options, flag) => {
    const hint = expect.stringContaining(flag);
    await expect(read(options())).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE", hint });
  });

  test("TLS to the plain port says so", async () => {
    const hint = expect.stringContaining("not TLS");
    await expect(read({ verify: false }, consul.port)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE", hint });
  });

  test("no TLS to the TLS port says so", async () => {
    const hint = expect.stringContaining("TLS");
    await expect(read(undefined)).rejects.toMatchObject({ code: "E_STORE_INVALID", hint });
  });

  test("a certificate file that is not there is a configuration error", async () => {
    const hint = expect.stringContaining("--ca-file");
    const options = { caFile: join(dir, "nothing.pem"), verify: true };
    await expect(read(options)).rejects.toMatchObject({ code: "E_CONFIG", hint });
  });
});

function tls(...args: string[]): void {
  execFileSync(consulBinary(), ["tls", ...args], { cwd: dir, stdio: "pipe" });
}
