import { describe, expect, test } from "vitest";
import { readPeers } from "../../../src/haproxy/peers-section.ts";

const AROUND = { isConditional: false, hasLocal: false, hasUnknown: false };

describe("the peers sections of a file", () => {
  test("are found among others, with the names of their peers", () => {
    const { sections } = readPeers(`
global
    maxconn 100
peers lbs
    peer lb1 10.0.0.1:10000
    peer lb2 10.0.0.2:10000   # the other one
    # peer lb3 10.0.0.3:10000
backend b
    server peer 10.0.0.4:80
    stick-table type integer size 1 peers lbs
peers more
    bind :10001
    server lb1
    server lb4 10.0.0.4:10001
`);
    expect(sections).toEqual([
      { ...AROUND, name: "lbs", peers: ["lb1", "lb2"] },
      { ...AROUND, name: "more", peers: ["lb1", "lb4"] },
    ]);
  });

  test.each([
    ['peer "lb1" 10.0.0.1:1', ["lb1"]],
    ["peer 'lb1' 10.0.0.1:1", ["lb1"]],
    ["peer l\\x62\\x31 10.0.0.1:1", ["lb1"]],
    ["\"peer\" lb1 10.0.0.1:1 'a # b'", ["lb1"]],
    ["peer\tlb1\t10.0.0.1:1", ["lb1"]],
    ["peer lb#1 10.0.0.1:1", ["lb"]],
    ["# peer lb1 10.0.0.1:1", []],
    ["peers-not lb1", []],
    ["default-server ssl", []],
    ['peer "lb1 10.0.0.1:1', []],
    ["peer", []],
  ])("%s", (line, peers) => {
    expect(readPeers(`peers p\n    ${line}\n`).sections).toEqual([{ ...AROUND, name: "p", peers }]);
  });

  test("a peer inside of .if counts, and a section inside of .if is known as that", () => {
    const { sections } = readPeers(
      "peers a\n.if defined(X)\n    peer lb1 h:1\n.endif\n.if defined(Y)\npeers b\n    peer lb2 h:1\n.endif\npeers c\n",
    );
    expect(sections.map(({ name, isConditional, peers }) => ({ name, isConditional, peers }))).toEqual([
      { name: "a", isConditional: false, peers: ["lb1"] },
      { name: "b", isConditional: true, peers: ["lb2"] },
      { name: "c", isConditional: false, peers: [] },
    ]);
  });

  test.each([
    ['peer "$HAPROXY_LOCALPEER" h:1', { ...AROUND, hasLocal: true }],
    [`peer "\${HAPROXY_LOCALPEER}" h:1`, { ...AROUND, hasLocal: true }],
    ['peer "$HAPROXY_LOCALPEER-b" h:1', { ...AROUND, hasUnknown: true }],
    ['peer "$HOSTNAME" h:1', { ...AROUND, hasUnknown: true }],
    ['peer lb1 "$ADDRESS:1"', { ...AROUND, peers: ["lb1"] }],
  ])("%s: who it is may depend on the environment", (line, expected) => {
    expect(readPeers(`peers p\n ${line}\n`).sections).toEqual([{ name: "p", peers: [], ...expected }]);
  });

  test("a file may say how its HAProxy is called", () => {
    expect(readPeers("global\n    localpeer lb1\n").localPeer).toBe("lb1");
    expect(readPeers("global\n.if defined(X)\n    localpeer lb1\n.endif\n").localPeer).toBeUndefined();
    expect(readPeers("defaults\n    mode tcp\n").localPeer).toBeUndefined();
  });
});
