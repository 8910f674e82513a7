import { describe, expect, test } from "vitest";
import { parseBinds } from "../../../src/agent/binds.ts";

describe("the agent port is served", () => {
  test.each<[string, number | undefined, string, ReturnType<typeof parseBinds>]>([
    ["on an address at the common port", 9999, "127.0.0.1", [{ host: "127.0.0.1", port: 9999 }]],
    ["on a host by its name", 9999, "localhost", [{ host: "localhost", port: 9999 }]],
    ["on an IPv6 address as it is", 9999, "::1", [{ host: "::1", port: 9999 }]],
    ["on an IPv6 address in brackets", 9999, "[::1]", [{ host: "::1", port: 9999 }]],
    ["at a port of its own", 9999, "127.0.0.1:9998", [{ host: "127.0.0.1", port: 9998 }]],
    ["on IPv6 at a port of its own", 9999, "[::1]:9998", [{ host: "::1", port: 9998 }]],
    ["on all interfaces", 9999, "*", [{ host: "*", port: 9999 }]],
    ["on all interfaces at a port of its own", undefined, "*:9998", [{ host: "*", port: 9998 }]],
    ["on a unix socket, without a port", undefined, "unix:/run/a.sock", [{ path: "/run/a.sock" }]],
    ["on a unix socket as HAProxy writes it", undefined, "unix@/run/a.sock", [{ path: "/run/a.sock" }]],
    ["on a unix socket by its path alone", undefined, "/run/a.sock", [{ path: "/run/a.sock" }]],
    [
      "on several, with blanks between them",
      9999,
      " 127.0.0.1 , [::1]:9998,unix:/run/a.sock,",
      [{ host: "127.0.0.1", port: 9999 }, { host: "::1", port: 9998 }, { path: "/run/a.sock" }],
    ],
    ["only where there is a port", undefined, "127.0.0.1,unix:/run/a.sock", [{ path: "/run/a.sock" }]],
    ["nowhere without a port", undefined, "127.0.0.1", undefined],
    ["nowhere at port 0", 0, "127.0.0.1:9998,unix:/run/a.sock", undefined],
    ["nowhere without a place", 9999, " , ", undefined],
  ])("%s", (_, port, bind, expected) => {
    expect(parseBinds(port, bind)).toEqual(expected);
  });
});

describe("it is a usage error that names the flag and the word:", () => {
  test.each([
    [undefined, "10.0.0.5", "--agent-bind 10.0.0.5 names no port"],
    [9999, "127.0.0.1:", '--agent-bind: "127.0.0.1:" is no place to listen on'],
    [9999, "127.0.0.1:x", '--agent-bind: "127.0.0.1:x" is no place to listen on'],
    [9999, "[::1", '--agent-bind: "[::1" is no place to listen on'],
    [9999, "[::1]9998", '--agent-bind: "[::1]9998" is no place to listen on'],
    [9999, "unix:a.sock", '--agent-bind: "unix:a.sock" is no place to listen on'],
    [9999, "127.0.0.1,two words", '--agent-bind: "two words" is no place to listen on'],
    [9999, "127.0.0.1:0", '--agent-bind: 0 in "127.0.0.1:0" is not a port'],
    [9999, "[::1]:65536", '--agent-bind: 65536 in "[::1]:65536" is not a port'],
    [65_536, "127.0.0.1", "--agent-port: 65536 is not a port"],
    [-1, "127.0.0.1", "--agent-port: -1 is not a port"],
    [99.5, "127.0.0.1", "--agent-port: 99.5 is not a port"],
  ])("--agent-port %s --agent-bind '%s'", (port, bind, message) => {
    expect(() => parseBinds(port, bind)).toThrow(expect.objectContaining({ code: "E_USAGE", message }));
  });

  test("a path that the system would cut off", () => {
    const longest = `/${"é".repeat(53)}`;
    expect(parseBinds(undefined, `unix:${longest}`)).toEqual([{ path: longest }]);
    expect(() => parseBinds(undefined, `unix:${longest}x`)).toThrow(
      expect.objectContaining({
        code: "E_USAGE",
        message: expect.stringContaining(`--agent-bind: ${longest}x is longer`),
      }),
    );
  });
});
