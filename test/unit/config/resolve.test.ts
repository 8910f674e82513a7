import { describe, expect, test } from "vitest";
import type { Flag } from "../../../src/config/flag.ts";
import { resolveOptions } from "../../../src/config/resolve.ts";

describe("a secret", () => {
  const flags: readonly Flag[] = [
    { name: "password", type: "string", description: "", secret: true, hidden: true },
    { name: "password-file", type: "string", description: "" },
  ];
  const file = { name: "x.toml", values: { password: "from the file" } };

  test("is no flag: that is refused with the ways there are, and without the secret", () => {
    expect(() => resolveOptions(flags, { flags: { password: "hush" }, env: {} })).toThrow(
      expect.objectContaining({
        code: "E_USAGE",
        message: "--password is not taken on the command line, where ps shows it to everybody",
        hint: "use the environment variable CONFD_HAPROXY_PASSWORD or --password-file, or a configuration file",
      }),
    );
  });
  test("comes from a file, and the environment beats it", () => {
    expect(resolveOptions(flags, { flags: {}, env: {}, files: [file] })["password"]).toBe("from the file");
    const env = { CONFD_HAPROXY_PASSWORD: "from the environment" };
    expect(resolveOptions(flags, { flags: {}, env, files: [file] })["password"]).toBe("from the environment");
  });
});

describe("several files", () => {
  const flags: readonly Flag[] = [
    { name: "max-lag", type: "duration", description: "" },
    { name: "server", type: "targets", description: "" },
    { name: "plugin", type: "string", description: "", repeatable: true },
  ];
  const resolve = (...values: Record<string, unknown>[]) =>
    resolveOptions(flags, { flags: {}, env: {}, files: values.map((each, at) => ({ name: `${at}`, values: each })) });

  test("the first that has the key counts, written with - or with _", () => {
    expect(resolve({}, { max_lag: "5s" }, { "max-lag": "9s" })).toMatchObject({ "max-lag": 5_000 });
  });
  test("a list may be a list or words with commas between them", () => {
    const servers = [
      { host: "a", port: 1 },
      { host: "b", port: 2 },
    ];
    expect(resolve({ server: ["a:1", "b:2"] })["server"]).toEqual(servers);
    expect(resolve({ server: "a:1,b:2" })["server"]).toEqual(servers);
    expect(resolve({ plugin: ["x.js", "y.js"] })["plugin"]).toBe("x.js,y.js");
  });
  test("an unknown key of any of them is an error", () => {
    expect(() => resolve({}, { "max-lags": "5s" })).toThrow('1: unknown key "max-lags"');
  });
  test("a table where a word belongs is an error", () => {
    expect(() =>
      resolveOptions([{ name: "host", type: "string", description: "" }], {
        flags: {},
        env: {},
        files: [{ name: "x.toml", values: { host: { a: 1 } } }],
      }),
    ).toThrow("x.toml: host must be a string");
  });
});
