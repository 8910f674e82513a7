import { describe, expect, test } from "vitest";
import { canonicalIp, readAddress } from "../../../src/haproxy/address.ts";

describe("the address of a server line", () => {
  test.each([
    ["10.0.0.1:3306", { kind: "literal", ip: "10.0.0.1", port: 3306 }],
    ["[2001:DB8:0:0::1]:80", { kind: "literal", ip: "2001:db8::1", port: 80 }],
    ["db-1.example.com:65535", { kind: "name", name: "db-1.example.com", port: 65535 }],
  ])("%s is understood", (word, expected) => {
    expect(readAddress(word)).toEqual(expected);
  });

  test.each([
    ...["10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:+1", "10.0.0.1:-1", "10.0.0.1:65536", "10.0.0.1:080"],
    ...["0.0.0.0:80", "[::]:80", "::1:80", "[10.0.0.1]:80", "/run/x.sock", "unix@/run/x", "ipv4@10.0.0.1:80"],
    ...[
      "_http._tcp.local:80",
      "*:80",
      "10.0.0.1:80-90",
      "10.0.0:80",
      "10.0.0.01:80",
      "",
      "\0$A:80",
      "[fe80::1%eth0]:80",
    ],
  ])("%j is none that could be set at run time", (word) => {
    expect(readAddress(word)).toEqual({ kind: "other" });
  });

  test.each([
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["0:0:0:0:0:FFFF:10.0.0.1", "::ffff:10.0.0.1"],
    ["::ffff:0a00:0001", "::ffff:10.0.0.1"],
    ["::0a00:0001", "::10.0.0.1"],
    ["::1", "::1"],
    ["1::", "1::"],
  ])("%s is shown as %s", (text, expected) => {
    expect(canonicalIp(text)).toBe(expected);
  });
});
