import { describe, expect, test } from "vitest";
import { CHECKERS_STORE_FLAGS } from "../../../src/config/flags-checkers.ts";
import { STORE_FLAGS } from "../../../src/config/flags-common.ts";
import { resolveOptions } from "../../../src/config/resolve.ts";
import { storeOptions } from "../../../src/config/store.ts";

function from(flags: Record<string, unknown>, env: Record<string, string> = {}) {
  return storeOptions(resolveOptions(STORE_FLAGS, { flags, env }));
}

describe("which store is meant", () => {
  test("with nothing said it is the local agent, as Consul's own tools assume", () => {
    expect(from({})).toEqual({
      type: "consul",
      addresses: [{ host: "127.0.0.1", port: 8500 }],
      consistency: "default",
    });
  });
  test("--consul takes several addresses, with and without port, IPv6 in brackets", () => {
    expect(from({ consul: "c1:8500, c2,[::1]:8501" })).toMatchObject({
      addresses: [
        { host: "c1", port: 8500 },
        { host: "c2", port: 8500 },
        { host: "::1", port: 8501 },
      ],
    });
  });
  test("--store consul:// and file: are told apart, a document by its name", () => {
    expect(from({ store: "consul://a:1,b:2" })).toMatchObject({
      type: "consul",
      addresses: [
        { host: "a", port: 1 },
        { host: "b", port: 2 },
      ],
    });
    expect(from({ store: "file:/etc/entries" })).toEqual({ type: "file", path: "/etc/entries" });
    expect(from({ store: "file:///etc/entries" })).toEqual({ type: "file", path: "/etc/entries" });
    expect(from({ store: "file:dump.json" })).toEqual({ type: "file", path: "dump.json" });
  });
  test("Consul's own environment is honoured, and a flag beats it", () => {
    const env = {
      CONSUL_HTTP_ADDR: "https://consul.example:8501",
      CONSUL_HTTP_TOKEN: "secret",
      CONSUL_CACERT: "/ca.pem",
      CONSUL_TLS_SERVER_NAME: "server.dc1.consul",
      CONSUL_HTTP_SSL_VERIFY: "false",
      CONSUL_NAMESPACE: "team",
    };
    expect(from({}, env)).toEqual({
      type: "consul",
      addresses: [{ host: "consul.example", port: 8501 }],
      consistency: "default",
      token: "secret",
      namespace: "team",
      tls: { verify: false, caFile: "/ca.pem", serverName: "server.dc1.consul" },
    });
    expect(from({ consul: "other:1" }, env)).toMatchObject({ addresses: [{ host: "other", port: 1 }] });
  });
  test("our own variable beats Consul's", () => {
    expect(from({}, { CONFD_HAPROXY_CONSUL: "ours:1", CONSUL_HTTP_ADDR: "theirs:2" })).toMatchObject({
      addresses: [{ host: "ours", port: 1 }],
    });
  });
  test("--consul may be given as a list in a file", () => {
    const files = [{ name: "x.toml", values: { consul: ["a:1", "b:2"] } }];
    expect(storeOptions(resolveOptions(STORE_FLAGS, { flags: {}, env: {}, files }))).toMatchObject({
      addresses: [
        { host: "a", port: 1 },
        { host: "b", port: 2 },
      ],
    });
  });
  test("--ha-check names the checks that a lock depends on", () => {
    const values = resolveOptions(CHECKERS_STORE_FLAGS, { flags: { "ha-check": "db, web" }, env: {} });
    expect(storeOptions(values)).toMatchObject({ sessionChecks: ["db", "web"] });
    expect(from({})).not.toHaveProperty("sessionChecks");
  });
  test("confd's flags mean what they meant there", () => {
    const flags = {
      node: "c1:8501",
      scheme: "https",
      "auth-token": "t",
      "client-ca-keys": "/ca",
      "client-insecure": true,
    };
    expect(from(flags)).toMatchObject({
      addresses: [{ host: "c1", port: 8501 }],
      token: "t",
      tls: { caFile: "/ca", verify: false },
    });
  });
  test("what is no store and no address is refused with an example", () => {
    expect(() => from({ store: "etcd://x" })).toThrow(/--store: "etcd:\/\/x" is not understood/);
    expect(() => from({ consul: "http://a/b" })).toThrow(/is not the address of a Consul/);
    expect(() => from({ consul: "a:99999" })).toThrow(/is not the address of a Consul/);
  });
});

describe("precedence", () => {
  const flags = [{ name: "interval", type: "duration", default: "1s", description: "" }] as const;
  const file = { name: "x.toml", values: { interval: "4s" } };
  test("flags beat environment beats file beats default", () => {
    const env = { CONFD_HAPROXY_INTERVAL: "3s" };
    expect(resolveOptions(flags, { flags: { interval: "2s" }, env, files: [file] })).toEqual({ interval: 2_000 });
    expect(resolveOptions(flags, { flags: {}, env, files: [file] })).toEqual({ interval: 3_000 });
    expect(resolveOptions(flags, { flags: {}, env: {}, files: [file] })).toEqual({ interval: 4_000 });
    expect(resolveOptions(flags, { flags: {}, env: {} })).toEqual({ interval: 1_000 });
  });
  test("an unknown key of the file is an error with the nearest known one", () => {
    const misspelt = { name: "x.toml", values: { intervall: "4s" } };
    expect(() => resolveOptions(flags, { flags: {}, env: {}, files: [misspelt] })).toThrow(
      /x\.toml: unknown key "intervall"/,
    );
  });
  test("a bad value names where it stands", () => {
    expect(() => resolveOptions(flags, { flags: {}, env: { CONFD_HAPROXY_INTERVAL: "soon" } })).toThrow(
      /CONFD_HAPROXY_INTERVAL: "soon"/,
    );
  });
});
