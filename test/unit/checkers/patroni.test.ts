import { describe, expect, test } from "vitest";
import { patroni } from "../../../checkers/patroni.ts";
import { exclusiveWords } from "../../../src/core/exclusive.ts";
import type { OptionValues } from "../../../src/core/option.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { serviceContext } from "../../support/service-context.ts";

const discover = { signal: new AbortController().signal };
const HAPPAC = { "patroni-host": "10.0.0.1", "pgisready-port": 6_432 };

function logOf(options: OptionValues): readonly string[] {
  const logger = createCaptureLogger();
  patroni.create(options, serviceContext({ logger, who: "patroni pg" }));
  return logger.messages();
}

describe("happac's options", () => {
  test.each([
    ["patroni-host", "h", [], undefined],
    ["patroni-port", "o", [], 8_008],
    ["patroni-healthcheck", "k", [], "primary"],
    ["agent-port", "p", ["port"], 5_555],
    ["pgisready-port", "r", ["pg-is-ready-port"], undefined],
    ["pgisready-path", "x", ["pg-is-ready-path"], undefined],
  ])("--%s, -%s, %j is there with its default", (name, short, aliases, byDefault) => {
    const option = patroni.options.find((one) => one.name === name);
    expect([option?.short, option?.aliases ?? [], option?.default]).toEqual([short, aliases, byDefault]);
  });

  test("mean one server: PgBouncer on Patroni's host", async () => {
    const service = patroni.create(HAPPAC, serviceContext());
    expect(await service.discover(discover)).toEqual([{ host: "10.0.0.1", port: 6_432 }]);
  });

  test("that have no effect here are said to have none, once, and not when a unit leaves them empty", () => {
    expect(logOf({ ...HAPPAC, "pgisready-path": "/usr/bin/" })).toEqual([
      "patroni pg: --pgisready-path has no effect: pg_isready is not run",
    ]);
    expect(logOf({ ...HAPPAC, "pgisready-path": "" })).toEqual([]);
  });

  test("with a health check that we do not know are warned of: Patroni would say no for ever", () => {
    expect(logOf({ ...HAPPAC, "patroni-healthcheck": "primry" })).toEqual([
      "patroni pg: /primry is no health check that we know: Patroni says no to what it does not know",
    ]);
  });
});

test("several servers are asked in their order", async () => {
  const server = [
    { host: "10.0.0.1", port: 6_432 },
    { host: "fd00::2", port: 6_432 },
  ];
  expect(await patroni.create({ server }, serviceContext()).discover(discover)).toEqual(server);
});

describe("two servers are one too many", () => {
  const words = (role: string) => exclusiveWords(patroni, { "patroni-healthcheck": role });

  test.each([
    ["primary", "primary"],
    ["/master", "primary"],
    ["read-write", "primary"],
    ["primary?tag_a=b", "primary"],
    ["leader", "leader"],
    ["standby-leader", "leader"],
  ])("where %s is asked for", (role, name) => {
    expect(words(role)).toBe(`say that they are the ${name}`);
  });

  test.each(["replica", "replica?lag=1MB", "read-only", "async", "health"])("but not where %s is", (role) => {
    expect(words(role)).toBeUndefined();
  });
});

describe("options that cannot work are refused in one line:", () => {
  test.each([
    [{}, "--patroni-host and --pgisready-port must say which server"],
    [{ "patroni-host": "10.0.0.1" }, "--patroni-host and --pgisready-port must say which server"],
    [{ "pgisready-port": 6_432 }, "--patroni-host and --pgisready-port must say which server"],
    [{ ...HAPPAC, "pgisready-port": 0 }, "--pgisready-port must be a port from 1 to 65535 (is 0)"],
    [{ ...HAPPAC, "patroni-port": 65_536 }, "--patroni-port must be a port from 1 to 65535 (is 65536)"],
    [{ ...HAPPAC, server: [{ host: "a", port: 1 }] }, "--server and --patroni-host exclude each other"],
    [{ ...HAPPAC, "patroni-healthcheck": "a b" }, '--patroni-healthcheck: "a b" is no health check of Patroni'],
    [{ ...HAPPAC, "patroni-ca": "/no/such/file" }, "--patroni-ca: cannot read /no/such/file"],
    [{ ...HAPPAC, password: "s3cret", "password-file": "/f" }, "the password and --password-file are both given"],
  ])("%j", (options, message) => {
    expect(() => patroni.create(options, serviceContext())).toThrow(expect.objectContaining({ message }));
  });
});
