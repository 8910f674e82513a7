import { describe, expect, test } from "vitest";
import { serversOf } from "../../../src/haproxy/servers.ts";

describe("what a configuration says of its servers", () => {
  test("default-server of the defaults and of the section are taken in, in the order HAProxy reads them", () => {
    const servers = serversOf(`defaults
    default-server weight 5 agent-check agent-port 9
listen web
    server a 10.0.0.1:80
    default-server check disabled
    server b [2001:DB8::1]:81 weight 7 no-check
backend db
    server c db.local:80 no-agent-check
`);
    expect(servers).toEqual([
      {
        backend: "web",
        server: "a",
        address: "10.0.0.1",
        port: 80,
        weight: 5,
        disabled: false,
        hasAgent: true,
        hasCheck: false,
      },
      {
        backend: "web",
        server: "b",
        address: "2001:db8::1",
        port: 81,
        weight: 7,
        disabled: true,
        hasAgent: true,
        hasCheck: false,
      },
      {
        backend: "db",
        server: "c",
        address: undefined,
        port: 80,
        weight: 5,
        disabled: false,
        hasAgent: false,
        hasCheck: false,
      },
    ]);
  });

  test("what cannot be told is not made up", () => {
    const servers = serversOf(`listen web
    server a /run/db.sock
    server b "\${HOST}:80"
    server c 10.0.0.1:80 frobnicate 3
`);
    expect(servers.map(({ address, port, weight }) => [address, port, weight])).toEqual([
      [undefined, undefined, 1],
      [undefined, undefined, undefined],
      ["10.0.0.1", 80, undefined],
    ]);
  });

  test("servers that may not exist, and those of other sections, are left out", () => {
    const servers = serversOf(`peers p
    server p1 10.0.0.1:80
listen web
    .if version_atleast(2.8)
    server a 10.0.0.1:80
    .endif
    server "a$X" 10.0.0.1:80
    server-template t 3 db.local:80
    server b 10.0.0.2:80
.if 1
listen other
    server c 10.0.0.1:80
.endif
`);
    expect(servers.map(({ backend, server }) => `${backend}/${server}`)).toEqual(["web/b"]);
  });
});
