import { expect, test } from "vitest";
import { judgePeers } from "../../../src/app/peers-verdict.ts";
import type { HaproxyPeers, PeersStatus } from "../../../src/core/peers-status.ts";

function haproxy(name: string, differs: Partial<HaproxyPeers> = {}): HaproxyPeers {
  const servers = ["s1", "s2"].map((server) => ({ name: server, status: "UP", isUp: true, sessions: 0 }));
  return { name, sockets: [], problem: undefined, active: "s2", row: "server_id=2", servers, peers: [], ...differs };
}

function status(...haproxies: readonly HaproxyPeers[]): PeersStatus {
  const none = { unasked: [], doubts: [], warnings: [] };
  return { resource: "galera", table: "galera", backend: "galera", haproxies, ...none };
}

const EMPTY = { active: undefined, row: undefined };
const SILENT = { ...EMPTY, problem: "nobody listens there", servers: [], peers: undefined };
const STRANGE = { active: undefined, row: "server_id=9" };

test.each([
  ["all have one writer", status(haproxy("lb1"), haproxy("lb2")), "all 2 agree on s2", true],
  ["there is one", status(haproxy("lb1")), "the only HAProxy that was asked is on s2", true],
  [
    "no client has come",
    status(haproxy("lb1", EMPTY), haproxy("lb2", EMPTY)),
    "all 2 agree on no server (no client has come yet)",
    true,
  ],
  [
    "one has learnt nothing",
    status(haproxy("lb1"), haproxy("lb2", EMPTY)),
    "they do not agree: lb1 on s2; lb2 on no server (its table is empty)",
    false,
  ],
  [
    "two writers",
    status(haproxy("lb1"), haproxy("lb2", { active: "s1" }), haproxy("lb3")),
    "they do not agree: lb1, lb3 on s2; lb2 on s1",
    false,
  ],
  [
    "one does not answer",
    status(haproxy("lb1"), haproxy("lb2", SILENT)),
    "those that answer, 1 of 2, agree on s2, but not all is well",
    false,
  ],
  ["nobody answers", status(haproxy("lb1", SILENT), haproxy("lb2", SILENT)), "none of 2 answers", false],
  ["the only one does not answer", status(haproxy("lb1", SILENT)), "it does not answer", false],
  [
    "all have a row that means nobody",
    status(haproxy("lb1", STRANGE), haproxy("lb2", STRANGE)),
    "all 2 agree on a row that means no server: server_id=9",
    false,
  ],
])("%s", (_, found, summary, isGood) => {
  expect(judgePeers(found)).toMatchObject({ summary, isGood });
});

test("who shares the table with nobody is told, unless there is only one", () => {
  const alone = haproxy("lb1", { peers: undefined });
  expect(judgePeers(status(alone))).toMatchObject({ isGood: true, troubles: [] });
  expect(judgePeers(status(alone, haproxy("lb2")))).toMatchObject({
    isGood: false,
    agrees: true,
    troubles: [expect.stringContaining("lb1: no peers section shares its table")],
  });
});

test("what cannot be told of all is a trouble", () => {
  const doubt = "there may be others";
  expect(judgePeers({ ...status(haproxy("lb1")), doubts: [doubt] })).toMatchObject({
    isGood: false,
    agrees: true,
    troubles: [doubt],
  });
});
