import { describe, expect, test } from "vitest";
import { explainStatus, parsePeers } from "../../../src/haproxy/show-peers.ts";

/** Recorded from 2.6.12: lb2 is connected, lb3 does not run. */
const RECORDED_2_6 = `0x5579175a41d0: [21/Nov/2026:14:03:55] id=galera_peers disabled=0 flags=0x6833 resync_timeout=<PAST> task_calls=12
  0x5579175a83b0: id=lb3(remote,active) addr=127.251.2.13:10000 last_status=CONN last_hdshk=3s
        reconnect=2s heartbeat=<NEVER> confirm=0 tx_hbt=0 rx_hbt=0 no_hbt=0 new_conn=2 proto_err=0 coll=0
        flags=0x0 appctx:0x7f1f38039b60 st0=6 st1=0 task_calls=2 state=TAR
        shared tables:
          0x5579176dcee0 local_id=2 remote_id=0 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x5579175ad2c0 id=galera update=1 localupdate=1 commitupdate=1 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
          0x5579176dccd0 local_id=1 remote_id=0 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x5579175aaff0 id=galera_table update=0 localupdate=0 commitupdate=0 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
  0x5579175a7300: id=lb2(remote,active) addr=127.251.2.12:10000 last_status=ESTA last_hdshk=6s
        reconnect=4s heartbeat=3s confirm=0 tx_hbt=2 rx_hbt=2 no_hbt=0 new_conn=2 proto_err=0 coll=1
        flags=0x20000200 appctx:0x557917797d60 st0=7 st1=0 task_calls=11 state=EST
        remote_table:0x5579176dcf90 id=galera local_id=2 remote_id=2
        last_local_table:0x5579176dcf90 id=galera local_id=2 remote_id=2
        shared tables:
          0x5579176dcf90 local_id=2 remote_id=2 flags=0x0 remote_data=0x80001
              last_acked=0 last_pushed=1 last_get=0 teaching_origin=0 update=1
              table:0x5579175ad2c0 id=galera update=1 localupdate=1 commitupdate=1 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
          0x5579176dcd80 local_id=1 remote_id=1 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x5579175aaff0 id=galera_table update=0 localupdate=0 commitupdate=0 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
  0x5579175a4340: id=lb1(local,inactive) addr=127.251.2.11:10000 last_status=NONE last_hdshk=<NEVER>
        reconnect=<NEVER> heartbeat=<NEVER> confirm=0 tx_hbt=0 rx_hbt=0 no_hbt=0 new_conn=0 proto_err=0 coll=0
        flags=0x0
        shared tables:
          0x5579176dd040 local_id=2 remote_id=0 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x5579175ad2c0 id=galera update=1 localupdate=1 commitupdate=1 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
          0x5579176dce30 local_id=1 remote_id=0 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x5579175aaff0 id=galera_table update=0 localupdate=0 commitupdate=0 refcnt=1
        Dictionary cache not dumped (use "show peers dict")`;

/** Recorded from 3.0.11: lb2 stands still, and its kernel takes connections; lb3 does not run. */
const RECORDED_3_0 = `0x7f486569aa00: [21/Nov/2026:21:25:08] id=galera_peers disabled=0 flags=0x28300003 resync_timeout=<PAST> task_calls=21
  0x7f4865630f00: id=lb3(remote,inactive) addr=127.251.3.13:10000 app_state=STOPPED learn_state=NOTASSIGNED last_status=CONN last_hdshk=3s
        reconnect=1s heartbeat=<NEVER> confirm=0 tx_hbt=0 rx_hbt=0 no_hbt=0 new_conn=4 proto_err=0 coll=0
        flags=0x0
        shared tables:
          0x7f4864768080 local_id=2 remote_id=0 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x7f48646dca00 id=galera update=2 localupdate=2 commitupdate=2 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
          0x7f4864767e40 local_id=1 remote_id=0 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x7f48646dc000 id=galera_table update=0 localupdate=0 commitupdate=0 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
  0x7f4865630e40: id=lb2(remote,active) addr=127.251.3.12:10000 app_state=STOPPED learn_state=NOTASSIGNED last_status=CONN last_hdshk=2s
        reconnect=2s heartbeat=<NEVER> confirm=0 tx_hbt=3 rx_hbt=2 no_hbt=0 new_conn=3 proto_err=0 coll=1
        flags=0x100000 appctx:0x7f486475f100 st0=6 st1=0 task_calls=2 state=EST
        shared tables:
          0x7f4864768140 local_id=2 remote_id=2 flags=0x0 remote_data=0x80001
              last_acked=0 last_pushed=2 last_get=0 teaching_origin=0 update=2
              table:0x7f48646dca00 id=galera update=2 localupdate=2 commitupdate=2 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
          0x7f4864767f00 local_id=1 remote_id=1 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x7f48646dc000 id=galera_table update=0 localupdate=0 commitupdate=0 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
  0x7f4865630d80: id=lb1(local,inactive) addr=127.251.3.11:10000 app_state=STOPPED learn_state=NOTASSIGNED last_status=NONE last_hdshk=<NEVER>
        reconnect=<NEVER> heartbeat=<NEVER> confirm=0 tx_hbt=0 rx_hbt=0 no_hbt=0 new_conn=0 proto_err=0 coll=0
        flags=0x0
        shared tables:
          0x7f4864768200 local_id=2 remote_id=0 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x7f48646dca00 id=galera update=2 localupdate=2 commitupdate=2 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
          0x7f4864767fc0 local_id=1 remote_id=0 flags=0x0 remote_data=0x0
              last_acked=0 last_pushed=0 last_get=0 teaching_origin=0 update=0
              table:0x7f48646dc000 id=galera_table update=0 localupdate=0 commitupdate=0 refcnt=1
        Dictionary cache not dumped (use "show peers dict")`;

describe("show peers", () => {
  test("tells who is connected, who is local, and which tables they share", () => {
    expect(parsePeers(RECORDED_2_6, "/s")).toEqual([
      {
        name: "galera_peers",
        isDisabled: false,
        peers: [
          { name: "lb3", isLocal: false, address: "127.251.2.13:10000", isConnected: false, lastStatus: "CONN" },
          { name: "lb2", isLocal: false, address: "127.251.2.12:10000", isConnected: true, lastStatus: "ESTA" },
          { name: "lb1", isLocal: true, address: "127.251.2.11:10000", isConnected: false, lastStatus: "NONE" },
        ],
        tables: ["galera", "galera_table"],
      },
    ]);
  });

  test("a connection on which nobody has said hello is none", () => {
    const [group] = parsePeers(RECORDED_3_0, "/s");
    expect(group?.peers.map(({ name, isConnected, lastStatus }) => [name, isConnected, lastStatus])).toEqual([
      ["lb3", false, "CONN"],
      ["lb2", false, "CONN"],
      ["lb1", false, "NONE"],
    ]);
    expect(group?.tables).toEqual(["galera", "galera_table"]);
  });

  test("several sections are several", () => {
    const two = `${RECORDED_2_6}\n${RECORDED_2_6.replace("id=galera_peers", "id=other")}`;
    expect(parsePeers(two, "/s").map(({ name, peers }) => [name, peers.length])).toEqual([
      ["galera_peers", 3],
      ["other", 3],
    ]);
  });

  test("no section is none: that is how one without its local peer shows", () => {
    expect(parsePeers("", "/s")).toEqual([]);
  });

  test.each(["Name: HAProxy", "0x5579175a41d0: what is this", `${RECORDED_2_6}\n  0x1: id=lb9(absent)`])(
    "what is no list of peers is an error: %#",
    (text) => {
      expect(() => parsePeers(text, "/s")).toThrow('HAProxy at /s: "show peers" has a line nobody can read: ');
    },
  );

  test("a status that nobody has described is told as it is", () => {
    expect(explainStatus("NAME")).toBe("it says that it has another name");
    expect(explainStatus("WHAT")).toBe("status WHAT");
  });
});
