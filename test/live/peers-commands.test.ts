import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openEchoSession } from "../support/echo.ts";
import { eventually } from "../support/eventually.ts";
import type { Haproxy } from "../support/haproxy.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import { startClients } from "../support/lab-clients.ts";
import { startMoodySocket } from "../support/moody-socket.ts";
import { LAB_PORT, type PeersLab, rowOf, startPeersLab, statusesOf } from "../support/peers-lab.ts";
import { type Finished, folderWith, runProgram, startProgram } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

const ALL_UP = ["s1 UP", "s2 UP", "s3 UP"];

function sockets({ haproxies }: PeersLab): readonly string[] {
  return haproxies.flatMap(({ socket }) => ["--socket", socket]);
}

function peers(args: readonly string[]): Promise<Finished> {
  return runProgram("confd-haproxy", ["peers", ...args]);
}

/** The cells of what is printed for each HAProxy. */
function rowsOf({ stdout }: Finished): readonly (readonly string[])[] {
  return stdout
    .split("\n")
    .filter((line) => /^(?:lb\d|\/|127)/.test(line))
    .map((line) => line.split(/ {2,}/));
}

function lastLineOf({ stdout }: Finished): string {
  return stdout.trimEnd().split("\n").at(-1) ?? "";
}

function rows({ haproxies }: PeersLab): Promise<readonly (string | undefined)[]> {
  return Promise.all(haproxies.map(rowOf));
}

/** A row takes a moment to come to all. */
async function untilAllSay(lab: PeersLab, writer: string): Promise<void> {
  await eventually(`all tables say ${writer}`, async () => {
    const now = await rows(lab);
    if (now.every((row) => row === writer)) return true;
    throw new Error(`they say ${now.join(", ")}`);
  });
}

async function visit({ front }: { readonly front: string }): Promise<string> {
  const session = await openEchoSession(front, LAB_PORT);
  session.close();
  return session.server;
}

describe.each(haproxyBinaries())("peers status and peers switch, HAProxy $version", ({ binary }) => {
  test("from the first client over a failover and a switch to a switch back, status is right and all agree", async () => {
    const lab = await startPeersLab({ binary });
    const [lb1, lb2, lb3] = lab.haproxies;
    if (lb1 === undefined || lb2 === undefined || lb3 === undefined) throw new Error("three were asked for");

    const before = await peers(["status", ...sockets(lab)]);
    expect(rowsOf(before)).toEqual([
      ["lb1", "none yet", "-", "none", "2/2"],
      ["lb2", "none yet", "-", "none", "2/2"],
      ["lb3", "none yet", "-", "none", "2/2"],
    ]);
    expect(lastLineOf(before)).toBe("all 3 agree on no server (no client has come yet)");
    expect(before).toMatchObject({ code: 0, stderr: "" });

    const session = await openEchoSession(lb2.front, LAB_PORT);
    await untilAllSay(lab, "s1");
    const first = await peers(["status", ...sockets(lab)]);
    expect(rowsOf(first)[1]).toEqual(["lb2", "s1", "UP", "1 to s1", "2/2"]);
    expect(lastLineOf(first)).toBe("all 3 agree on s1");
    expect(first.code).toBe(0);

    const moved = await peers(["switch", "s3", ...sockets(lab)]);
    expect(moved.stdout).toBe(
      "lb1: s1 -> s3\nlb2: s1 -> s3, 1 session cut\nlb3: s1 -> s3\ns3 is the writer of all 3\n",
    );
    expect(moved).toMatchObject({ code: 0, stderr: "" });
    await session.ended;
    expect(await Promise.all(lab.haproxies.map(visit))).toEqual(lab.haproxies.map(() => lab.servers[2]?.server));
    expect(await rows(lab)).toEqual(["s3", "s3", "s3"]);
    for (const haproxy of lab.haproxies) expect(await statusesOf(haproxy)).toEqual(ALL_UP);

    const again = await peers(["switch", "s3", ...sockets(lab)]);
    expect(lastLineOf(again)).toBe("s3 was the writer already of all 3");
    expect(again.code).toBe(0);

    await Promise.all(lab.haproxies.map(({ cli }) => cli("set server lab/s3 state maint")));
    // Rows that were written within the same few seconds may cross on their way: only the next clients mend that.
    await eventually("all follow the new writer", async () => {
      expect(new Set(await Promise.all(lab.haproxies.map(visit)))).toEqual(new Set([lab.servers[0]?.server]));
      return (await rows(lab)).every((row) => row === "s1");
    });
    await Promise.all(lab.haproxies.map(({ cli }) => cli("set server lab/s3 state ready")));
    expect(await visit(lb1)).toBe(lab.servers[0]?.server);
    const shown = await peers(["status", ...sockets(lab), "--json"]);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      agree: true,
      active: "s1",
      table: "lab",
      haproxies: [{ name: "lb1" }, { name: "lb2" }, { name: "lb3" }],
      unasked: [],
    });
  });

  test("one error per client at the most while the writer is moved under load, and nobody moves it back", async () => {
    const lab = await startPeersLab({ binary });
    const clients = startClients(lab, 4);
    await eventually("clients are served", () => clients.done > 100);
    for (const writer of ["s2", "s3", "s1", "s3"]) {
      const before = [...clients.errors];
      const moved = await peers(["switch", writer, ...sockets(lab)]);
      expect(moved).toMatchObject({ code: 0, stderr: "" });
      clients.reached();
      const soFar = clients.done;
      await eventually("clients went on", () => clients.done > soFar + 200);
      const index = Number(writer.slice(1)) - 1;
      expect([...clients.reached()]).toEqual([lab.servers[index]?.server]);
      expect(await rows(lab)).toEqual([writer, writer, writer]);
      const errors = clients.errors.map((count, client) => count - (before[client] ?? 0));
      expect(Math.max(...errors)).toBe(1);
    }
    expect(await peers(["status", ...sockets(lab)])).toMatchObject({ code: 0 });
  });
});

describe("peers status", () => {
  test("those that cannot reach each other and have different writers do not agree, and it says who", async () => {
    // lb3 looks for the others where nobody is: a partition.
    const lab = await startPeersLab({
      peersOf: (name, lines) =>
        lines.map((line) => ((name === "lb3") === line.startsWith("peer lb3 ") ? line : line.replace(/:\d+$/, ":9"))),
    });
    const [lb1, , lb3] = lab.haproxies;
    await lb3?.cli("set table lab key 1 data.server_id 2");
    if (lb1 !== undefined) await visit(lb1);
    const status = await eventually("the first two know the same", async () => {
      const now = await peers(["status", ...sockets(lab)]);
      return now.stdout.includes("lb2      s1") && now;
    });
    expect(lastLineOf(status)).toBe("they do not agree: lb1, lb2 on s1; lb3 on s2");
    expect(rowsOf(status).map((cells) => cells[4])).toEqual(["1/2, not lb3", "1/2, not lb3", "0/2, not lb1, lb2"]);
    expect(status.stdout).toContain("! lb3: not connected with lb1: no connection comes about\n");
    expect(status.code).toBe(1);
  });

  test("an HAProxy that is gone is a row, and no agreement of all", async () => {
    const lab = await startPeersLab({ count: 2 });
    const [lb1, lb2] = lab.haproxies;
    if (lb1 === undefined || lb2 === undefined) throw new Error("two were asked for");
    await visit(lb1);
    await eventually("the peer has heard", async () => (await rowOf(lb2)) === "s1");
    await lb2.kill();
    const status = await peers(["status", ...sockets(lab)]);
    expect(status.code).toBe(1);
    expect(rowsOf(status).map(([name, active]) => [name, active])).toEqual([
      [lb2.socket, "?"],
      ["lb1", "s1"],
    ]);
    expect(status.stdout).toContain(`! ${lb2.socket}: "show info" and 3 more: nobody listens there`);
    expect(lastLineOf(status)).toBe("those that answer, 1 of 2, agree on s1, but not all is well");
  });

  test("a writer that is down is told, though all agree", async () => {
    const lab = await startPeersLab({ count: 2 });
    const [lb1, lb2] = lab.haproxies;
    if (lb1 === undefined || lb2 === undefined) throw new Error("two were asked for");
    await visit(lb1);
    await eventually("the peer has heard", async () => (await rowOf(lb2)) === "s1");
    await lb2.cli("set server lab/s1 state maint");
    const status = await peers(["status", ...sockets(lab)]);
    expect(rowsOf(status).map((cells) => cells[2])).toEqual(["UP", "MAINT"]);
    expect(status.stdout).toContain("! lb2: s1 is MAINT: the next client makes another server the writer\n");
    expect(status.code).toBe(1);
  });

  test("an HAProxy whose section lacks itself shares the table with nobody, and it says why", async () => {
    const lab = await startPeersLab({
      count: 2,
      peersOf: (name, lines) => (name === "lb2" ? lines.filter((line) => !line.includes("lb2")) : lines),
    });
    const status = await peers(["status", ...sockets(lab)]);
    expect(rowsOf(status)[1]).toEqual(["lb2", "none yet", "-", "none", "no peers"]);
    expect(status.stdout).toContain("! lb2: no peers section shares its table");
    expect(status.code).toBe(1);
  });

  test("a table of size 1 is warned of", async () => {
    const lab = await startPeersLab({ count: 1, size: "1" });
    const status = await peers(["status", ...sockets(lab)]);
    expect(status.stdout).toContain("warning: lb1: stick-table size 1: ");
    expect(status.code).toBe(0);
  });

  test("one HAProxy by its path and by its port is one row", async () => {
    const lab = await startPeersLab({ count: 2 });
    const [lb1] = lab.haproxies;
    const both = [...sockets(lab), "--socket", `unix:${lb1?.socket}`, "--socket", lb1?.tcpSocket ?? ""];
    const { stdout } = await peers(["status", "--json", ...both]);
    const found = JSON.parse(stdout) as { haproxies: readonly { name: string; sockets: readonly string[] }[] };
    expect(found.haproxies.map(({ name }) => name)).toEqual(["lb1", "lb2"]);
    expect(found.haproxies[0]?.sockets).toEqual([lb1?.socket, lb1?.tcpSocket]);
  });

  test("asks those of the resource, its members and those that are announced in the store", async () => {
    const lab = await startPeersLab();
    const [lb1, lb2, lb3] = lab.haproxies;
    const confdir = folderWith({
      "conf.d/galera.toml": `[template]
src = "t.hbs"
dest = "${join(tempDir("dest"), "haproxy.cfg")}"
keys = ["/haproxy/peers/"]
[haproxy]
socket = "${lb1?.socket}"
[peers]
members = ["lb2=${lb2?.front}:20310", "lb1=${lb1?.front}:20310"]
socket_port = 20399
`,
      "conf.d/other.toml": `[template]\nsrc = "t.hbs"\ndest = "/nowhere/other"\nkeys = ["/haproxy/"]\n`,
      "templates/t.hbs": "",
    });
    const store = folderWith({
      "haproxy/peers/lb3": JSON.stringify({ name: "lb3", host: lb3?.front, port: 20_310, socket: lb3?.tcpSocket }),
      "haproxy/peers/lb4": JSON.stringify({ name: "lb4", host: "127.0.0.9", port: 20_310 }),
      "haproxy/galera/writer": "{}",
    });
    const named = ["--confdir", confdir, "--store", `file:${store}`];
    const status = await peers(["status", ...named]);
    expect(status.stdout).toMatch(/^resource galera, stick table lab\n/);
    expect(rowsOf(status).map(([name]) => name)).toEqual(["lb1", "lb2", "lb3"]);
    expect(status.stdout).toContain("not asked, no runtime socket is known: lb4\n");
    expect(status.code).toBe(0);

    const deaf = await peers(["status", "--confdir", confdir, "--consul", "127.0.0.9:9"]);
    expect(rowsOf(deaf).map(([name]) => name)).toEqual(["lb1", "lb2"]);
    expect(deaf.stdout).toContain("! there may be other HAProxies, announced in the store, which cannot be asked: ");
    expect(deaf.code).toBe(1);
  });

  test("what cannot be told is wrong usage, with the names", async () => {
    const lab = await startPeersLab({ count: 1 });
    const wrong = await peers(["status", ...sockets(lab), "--table", "lbb"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('it has no stick table "lbb"');
    expect(wrong.stderr).toContain("its stick tables: lab");
    const confdir = folderWith({ "conf.d/a.toml": `[template]\nsrc = "t.hbs"\ndest = "/nowhere/a"\n` });
    const none = await peers(["status", "--confdir", confdir]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("no template resource of");
  });
});

describe("peers switch", () => {
  /** All that a switch could have touched. */
  async function stateOf({ haproxies }: { readonly haproxies: readonly Haproxy[] }): Promise<unknown> {
    return Promise.all(haproxies.map(async (one) => [await rowOf(one), await statusesOf(one)]));
  }

  test("is refused, and touches nothing, for a server that one does not know, has not up, or when one is away", async () => {
    const lab = await startPeersLab();
    const [lb1, lb2, lb3] = lab.haproxies;
    if (lb1 === undefined || lb2 === undefined || lb3 === undefined) throw new Error("three were asked for");
    await visit(lb1);
    await untilAllSay(lab, "s1");
    await lb3.cli("set server lab/s2 state maint");
    const before = await stateOf(lab);

    const unknown = await peers(["switch", "s9", "--force", ...sockets(lab)]);
    expect(unknown).toMatchObject({ code: 1, stdout: "" });
    expect(unknown.stderr).toContain('  lb2: lab has no server "s9"; its servers: s1, s2, s3\n');

    const down = await peers(["switch", "s2", ...sockets(lab)]);
    expect(down.stderr).toBe(
      "not switched to s2, nothing was touched; --force would do it all the same:\n  lb3: s2 is MAINT\n",
    );
    expect(down).toMatchObject({ code: 1, stdout: "" });

    const away = await peers(["switch", "s3", ...sockets(lab), "--socket", "127.0.0.9:9"]);
    expect(away.code).toBe(1);
    expect(away.stderr).toContain("\n  127.0.0.9:9: ");
    expect(await stateOf(lab)).toEqual(before);
  });

  test("with --force goes on without one that is away, and says so", async () => {
    const lab = await startPeersLab();
    const [lb1, , lb3] = lab.haproxies;
    if (lb1 === undefined || lb3 === undefined) throw new Error("three were asked for");
    await visit(lb1);
    await lb3.kill();
    const moved = await peers(["switch", "s2", "--force", ...sockets(lab)]);
    expect(moved.stdout).toContain("s2 is the writer of 2 of 3\n");
    expect(moved.stderr).toContain(`forced, in spite of:\n  ${lb3.socket}: `);
    expect(moved.code).toBe(0);
  });

  test("leaves those in drain and in maintenance as they were", async () => {
    const lab = await startPeersLab({ count: 2 });
    const [lb1, lb2] = lab.haproxies;
    await lb1?.cli("set server lab/s1 state drain");
    await lb2?.cli("set server lab/s1 state maint");
    const moved = await peers(["switch", "s3", ...sockets(lab)]);
    expect(moved.code).toBe(0);
    if (lb1 === undefined || lb2 === undefined) throw new Error("two were asked for");
    expect(await statusesOf(lb1)).toEqual(["s1 DRAIN", "s2 UP", "s3 UP"]);
    expect(await statusesOf(lb2)).toEqual(["s1 MAINT", "s2 UP", "s3 UP"]);
  });

  test("replaces what somebody set by hand over an old name", async () => {
    const lab = await startPeersLab({ count: 1 });
    const [lb1] = lab.haproxies;
    if (lb1 === undefined) throw new Error("one was asked for");
    await visit(lb1);
    await lb1.cli("set table lab key 1 data.server_id 3");
    expect(rowsOf(await peers(["status", ...sockets(lab)]))[0]?.[1]).toBe("s1");
    await peers(["switch", "s3", ...sockets(lab)]);
    expect(await visit(lb1)).toBe(lab.servers[2]?.server);
  });

  test("cuts sessions that a reload has left with an old worker", async () => {
    const lab = await startPeersLab({ count: 1, masterWorker: true });
    const [lb1] = lab.haproxies;
    if (lb1 === undefined) throw new Error("one was asked for");
    const session = await openEchoSession(lb1.front, LAB_PORT);
    expect(await lb1.reload()).toBe(true);
    expect(await session.say("still there")).toBe("still there");
    const confdir = folderWith({
      "conf.d/galera.toml": `[template]
src = "t.hbs"
dest = "/nowhere/haproxy.cfg"
[haproxy]
socket = "${lb1.socket}"
master_socket = "${lb1.masterSocket}"
[peers]
table = "lab"
`,
    });
    await eventually("the new worker has its servers up", async () => (await statusesOf(lb1)).join() === ALL_UP.join());
    const moved = await peers(["switch", "s2", "--confdir", confdir]);
    expect(moved).toMatchObject({ code: 0, stderr: "" });
    await session.ended;
  });

  test("told to stop in the middle, it brings all servers back into use", async () => {
    const lab = await startPeersLab({ count: 2 });
    const [lb1, lb2] = lab.haproxies;
    if (lb1 === undefined || lb2 === undefined) throw new Error("two were asked for");
    const moody = await startMoodySocket(join(tempDir("moody"), "haproxy.sock"), () => lb2.socket);
    moody.mood = { to: /^clear table/, does: "hang" };
    const args = ["peers", "switch", "s3", "--timeout", "60s", "--socket", lb1.socket, "--socket", moody.path];
    const program = startProgram("confd-haproxy", args);
    await eventually("the others are out of use", async () =>
      (await Promise.all([lb1, lb2].map(statusesOf))).every((now) => now.join() === "s1 MAINT,s2 MAINT,s3 UP"),
    );
    program.signal("SIGTERM");
    expect(await program.exited).toMatchObject({ code: 1 });
    for (const haproxy of [lb1, lb2]) expect(await statusesOf(haproxy)).toEqual(ALL_UP);
  });

  test("an HAProxy that fails in the middle leaves no server out of use, and the failure is told", async () => {
    const lab = await startPeersLab({ count: 2 });
    const [lb1, lb2] = lab.haproxies;
    if (lb1 === undefined || lb2 === undefined) throw new Error("two were asked for");
    const moody = await startMoodySocket(join(tempDir("moody"), "haproxy.sock"), () => lb2.socket);
    moody.mood = { to: /^set server lab\/s2 state maint/, does: { answer: "Permission denied\n\n" } };
    const failed = await peers(["switch", "s3", "--socket", lb1.socket, "--socket", moody.path]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("not all have s3 as the writer");
    expect(failed.stderr).toContain("Permission denied");
    for (const haproxy of [lb1, lb2]) expect(await statusesOf(haproxy)).toEqual(ALL_UP);
  });
});
