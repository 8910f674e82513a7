import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAllow } from "../../../src/agent/allow.ts";

function admits(words: readonly string[], address: string): boolean | undefined {
  return parseAllow(words)?.(address);
}

test("with nothing said, there is nobody to be kept out", () => {
  expect(parseAllow([])).toBeUndefined();
});

describe("may ask:", () => {
  test.each([
    ["10.0.0.5", "10.0.0.5"],
    ["10.0.0.0/8", "10.255.255.255"],
    ["10.0.0.99/24", "10.0.0.1"],
    ["0.0.0.0/0", "192.0.2.1"],
    ["2001:db8::1", "2001:db8::1"],
    ["2001:db8::/33", "2001:db8:7fff::1"],
    ["::1", "::1"],
    ["fe80::/10", "fe80::1%eth0"],
    ["10.0.0.0/8", "::ffff:10.1.2.3"],
    ["::ffff:10.0.0.0/104", "10.1.2.3"],
    ["192.0.2.1,10.0.0.0/8", "10.1.2.3"],
  ])("with --allow %s, %s", (allow, address) => {
    expect(admits(allow.split(","), address)).toBe(true);
  });
});

describe("may not ask:", () => {
  test.each([
    ["10.0.0.5", "10.0.0.6"],
    ["10.0.0.0/8", "11.0.0.0"],
    ["10.0.0.0/31", "10.0.0.2"],
    ["0.0.0.0/0", "2001:db8::1"],
    ["2001:db8::1", "2001:db8::2"],
    ["2001:db8::/33", "2001:db8:8000::1"],
    ["::1", "127.0.0.1"],
    ["10.0.0.0/8", "::ffff:11.0.0.1"],
    ["10.0.0.0/8", "::10.0.0.1"],
    ["192.0.2.1,10.0.0.0/8", "192.0.2.2"],
  ])("with --allow %s, %s", (allow, address) => {
    expect(admits(allow.split(","), address)).toBe(false);
  });
});

test("a network has those in it whose first bits are its own, and nobody else", () => {
  const address = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const asNumber = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256 + part, 0);
  fc.assert(
    fc.property(address, fc.nat(32), fc.nat(31), fc.boolean(), (network, bits, flip, isFar) => {
      const size = 2 ** (32 - bits);
      const number = asNumber(network);
      const other = isFar ? asNumber([network[3], network[2], network[1], network[0]]) : (number ^ (1 << flip)) >>> 0;
      const dotted = [24, 16, 8, 0].map((shift) => (other >>> shift) & 255).join(".");
      const isInside = Math.floor(other / size) === Math.floor(number / size);
      expect(admits([`${network.join(".")}/${bits}`], dotted)).toBe(isInside);
      expect(admits([`${network.join(".")}/${bits}`], `::ffff:${dotted}`)).toBe(isInside);
    }),
  );
});

describe("it is a usage error that names the word:", () => {
  test.each([
    "10.0.0",
    "10.0.0.256",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/x",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "10.0.0.0/8.5",
    "2001:db8::/129",
    "localhost",
    "",
    "/8",
  ])("'%s'", (word) => {
    expect(() => parseAllow(["10.0.0.0/8", word])).toThrow(
      expect.objectContaining({
        code: "E_USAGE",
        message: `--allow: "${word}" is neither an address nor a network`,
        hint: expect.stringContaining("10.0.0.0/8"),
      }),
    );
  });
});
