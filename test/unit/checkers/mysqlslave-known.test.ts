import { describe, expect, test } from "vitest";
import { createKnownReplicas } from "../../../checkers/mysql/known.ts";
import { parseReader, parseRegistrations, unaccountedReaders } from "../../../checkers/mysql/listing.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const MINUTE_MS = 60_000;

function replica(host: string, serverId?: number) {
  return { target: { host, port: 3306 }, serverId };
}

function setUp() {
  const clock = createFakeClock();
  const known = createKnownReplicas(clock);
  return { clock, known, hosts: () => known.targets.map(({ host }) => host) };
}

describe("known replicas", () => {
  test("are sorted by name, whoever was found first", () => {
    const { known, hosts } = setUp();
    known.listed([replica("b"), replica("a")]);
    expect(hosts()).toEqual(["a", "b"]);
    known.listed([replica("c"), replica("a")]);
    expect(hosts()).toEqual(["a", "b", "c"]);
  });

  test("are forgotten ten minutes after they were last listed", async () => {
    const { clock, known, hosts } = setUp();
    known.listed([replica("a"), replica("b")]);
    await clock.advance(10 * MINUTE_MS);
    known.listed([replica("a")]);
    known.forget();
    expect(hosts()).toEqual(["a", "b"]);
    await clock.advance(1);
    known.forget();
    expect(hosts()).toEqual(["a"]);
  });

  test("stay as long as they are healthy, though nobody lists them", async () => {
    const { clock, known, hosts } = setUp();
    known.listed([replica("a")]);
    for (let minute = 0; minute < 30; minute++) {
      await clock.advance(MINUTE_MS);
      known.healthy("a:3306");
      known.forget();
    }
    expect(hosts()).toEqual(["a"]);
  });

  test("one that comes back under another address takes the place of the old one at once", () => {
    const { known, hosts } = setUp();
    known.listed([replica("old", 7), replica("other", 8)]);
    known.listed([replica("new", 7), replica("other", 8)]);
    expect(hosts()).toEqual(["new", "other"]);
  });

  test("one without a server id takes nobody's place", () => {
    const { known, hosts } = setUp();
    known.listed([replica("a", undefined)]);
    known.listed([replica("b", undefined)]);
    expect(hosts()).toEqual(["a", "b"]);
  });

  test("one that was only assumed is not vouched for until it is listed", () => {
    const { known } = setUp();
    known.assume({ host: "a", port: 3306 });
    expect(known.wasListed("a:3306")).toBe(false);
    known.listed([replica("a")]);
    expect(known.wasListed("a:3306")).toBe(true);
    known.assume({ host: "a", port: 3306 });
    expect(known.wasListed("a:3306")).toBe(true);
  });
});

describe("a listing", () => {
  test.each([
    ["10.0.0.3:41322", ["10.0.0.3"]],
    ["db3.example.com:41322", ["db3.example.com"]],
    ["[2001:db8::3]:41322", ["2001:db8::3"]],
    ["2001:db8::3:41322", ["2001:db8::3"]],
    ["::ffff:10.0.0.3:41322", ["10.0.0.3"]],
    ["localhost", []],
    ["", []],
    ["a b:1", []],
  ])("reads the host of a thread from %j", (text, hosts) => {
    expect(parseReader(text)).toEqual(hosts);
  });

  test("reads registrations of any version, and leaves out what is no host or port", () => {
    expect(
      parseRegistrations([
        { Server_id: "3", Host: "db3", Port: "3307", Master_id: "1" },
        { Server_Id: "4", Host: "", Port: "0", Source_Id: "1" },
        { Server_id: "5", Host: "[2001:db8::5]", Port: "3306" },
        { Server_id: "6", Host: "no host!", Port: "99999" },
      ]),
    ).toEqual([
      { serverId: 3, host: "db3", port: 3307 },
      { serverId: 4, host: undefined, port: undefined },
      { serverId: 5, host: "2001:db8::5", port: 3306 },
      { serverId: 6, host: undefined, port: undefined },
    ]);
  });

  test("leaves each reader over that no registration accounts for, once", () => {
    const registered = [
      { serverId: 3, host: "10.0.0.3", port: 3306 },
      { serverId: 4, host: undefined, port: undefined },
    ];
    const readers = ["10.0.0.3", "10.0.0.4", "10.0.0.3", "10.0.0.4"];
    expect(unaccountedReaders({ registered, readers, missingGrants: [] })).toEqual(["10.0.0.4", "10.0.0.3"]);
    expect(unaccountedReaders({ registered: undefined, readers: ["10.0.0.3"], missingGrants: [] })).toEqual([
      "10.0.0.3",
    ]);
  });
});
