import { describe, expect, test } from "vitest";
import { mayUse, parseSessions } from "../../../src/haproxy/show-sess.ts";
import { countConnections } from "../../../src/haproxy/unused-server.ts";

/** Recorded from 2.6.12 (the first three) and 3.0.11. */
const RECORDED = `0x556f87041e60: proto=tcpv4 src=127.0.0.1:35930 fe=l be=b srv=s1 ts=00 epoch=0 age=1s calls=4 rate=4 cpu=0 lat=0 rq[f=808000h,i=0,an=00h,rx=9m59s,wx=,ax=] rp[f=80000000h,i=0,an=00h,rx=,wx=,ax=] scf=[8,0h,fd=11] scb=[3,1h,fd=-1] exp=0s rc=2 c_exp=0s
0x556f87136c90: proto=sockpair src=unix:2 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1 rate=0 cpu=0 lat=0 rq[f=c08000h,i=0,an=00h,rx=,wx=,ax=] rp[f=80008002h,i=0,an=00h,rx=,wx=,ax=] scf=[8,200h,fd=6] scb=[8,1h,fd=-1] exp= rc=0 c_exp=
0x55b0c6d908a0: proto=? ts=00 epoch=0 age=0s calls=2 rate=2 cpu=0 lat=0 rq[f=808000h,i=0,an=00h,rx=,wx=,ax=] rp[f=80400000h,i=0,an=00h,rx=,wx=,ax=] scf=[8,40h,fd=-1] scb=[3,1h,fd=-1] exp=0s rc=1 c_exp=0s
0x7fdf84aed400: proto=unix_stream src=unix:1 fe=f be=b srv=<none> ts=00 epoch=0 age=0s calls=1 rate=0 cpu=0 lat=0 rq[f=848101h,i=0,an=00h,ax=] rp[f=80008000h,i=0,an=00h,ax=] scf=[8,0h,fd=18,rex=10s,wex=] scb=[8,1h,fd=-1,rex=,wex=] exp=10s rc=0 c_exp=
0x7fd0a0081000: proto=tcpv4 src=127.0.0.1:59436 fe=b be=b srv=<none> ts=00 epoch=0 age=1s calls=3 rate=1 cpu=0 lat=0 rq[f=808000h,i=0,an=00h,ax=] rp[f=80000000h,i=0,an=00h,ax=] scf=[8,14000h,fd=11,rex=,wex=] scb=[10,30005h,fd=-1,rex=,wex=] exp=59s rc=0 c_exp=`;

describe("show sess", () => {
  test("tells each session's id, backend and server", () => {
    expect(parseSessions(RECORDED, "/s")).toEqual([
      { id: "0x556f87041e60", backend: "b", server: "s1", isCutOff: false },
      { id: "0x556f87136c90", backend: undefined, server: undefined, isCutOff: false },
      { id: "0x55b0c6d908a0", backend: undefined, server: undefined, isCutOff: false },
      { id: "0x7fdf84aed400", backend: "b", server: undefined, isCutOff: false },
      { id: "0x7fd0a0081000", backend: "b", server: undefined, isCutOff: true },
    ]);
  });

  test("no session is none", () => {
    expect(parseSessions("", "/s")).toEqual([]);
  });

  test("what is no list of sessions is an error", () => {
    expect(() => parseSessions("Name: HAProxy", "/s")).toThrow(
      'HAProxy at /s: "show sess" has a line nobody can read: "Name: HAProxy"',
    );
  });

  test.each([
    ["with the server", { backend: "b", server: "s1" }, true],
    ["waiting for one in its backend", { backend: "b", server: undefined }, true],
    ["with another server", { backend: "b", server: "s2" }, false],
    ["with a server of that name elsewhere", { backend: "c", server: "s1" }, false],
    ["without a backend", { backend: undefined, server: undefined }, false],
  ] as const)("a session %s may use it: %o → %s", (_, session, expected) => {
    expect(mayUse({ id: "0x1", isCutOff: false, ...session }, [{ backend: "b", server: "s1" }])).toBe(expected);
  });
});

describe("show servers conn", () => {
  const CONN = `# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]
h/s1 5/1 127.19.1.2 7080 - 5000 2 3 1 1 0 -1 1 1 0
h/s10 5/2 127.19.1.2 7080 - 5000 0 1 1 1 0 -1 0 0 0`;
  const count = (server: string, text = CONN) => countConnections(text, { backend: "h", server }, "/s");

  test("counts those in use and those that are idle", () => {
    expect([count("s1"), count("s10"), count("s2"), count("s1", "Can't find backend.")]).toEqual([3, 0, 0, 0]);
  });

  test("what cannot be read is an error", () => {
    expect(() => count("s1", "Name: HAProxy")).toThrow(/"show servers conn" was answered with/);
    expect(() => count("s1", CONN.replace("used_cur", "other"))).toThrow(/a line nobody can read/);
  });
});
