import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { abandonedSocket } from "../support/abandoned-socket.ts";
import { eventually } from "../support/eventually.ts";
import { startMoodySocket } from "../support/moody-socket.ts";
import { type LabHaproxy, type PeersLab, rowOf, startPeersLab, statusesOf } from "../support/peers-lab.ts";
import { runProgram } from "../support/program.ts";
import { type ScriptedReply, startScriptedRuntime } from "../support/scripted-runtime.ts";
import { tempDir } from "../support/temp-dir.ts";

function peers(...args: readonly string[]) {
  return runProgram("confd-haproxy", ["peers", ...args]);
}

function first({ haproxies: [one] }: PeersLab): LabHaproxy {
  if (one === undefined) throw new Error("one was asked for");
  return one;
}

/** Answers as nothing that HAProxy would say. */
async function scripted(reply: ScriptedReply): Promise<string> {
  return (await startScriptedRuntime(() => reply)).path;
}

describe("peers status beside a runtime socket that is none", () => {
  test.each([
    ["hangs", () => scripted("hang"), /was not answered within 300 ms|took longer than 300 ms/],
    ["breaks off", () => scripted("Name: HAProxy\nVersion"), /the connection was closed/],
    [
      "says something else",
      () => scripted("hello\n\nhello\n\nhello\n\nhello\n\n"),
      /has a line nobody can read: "hello"/,
    ],
    ["may not be asked", () => scripted("Permission denied\n\n"), /Permission denied/],
    ["is nobody's", () => Promise.resolve("127.0.0.9:9"), /nobody listens there/],
    ["is not there", () => Promise.resolve("/nowhere/haproxy.sock"), /there is no such socket/],
  ] as const)("that %s: it is told, and the others are", async (_, open, why) => {
    const lab = await startPeersLab({ count: 1 });
    const status = await peers("status", "--timeout", "300ms", "--socket", first(lab).socket, "--socket", await open());
    expect(status.stdout).toMatch(why);
    expect(status.stdout).toMatch(/^lb1 /m);
    expect(status.code).toBe(1);
  });

  test("that a killed HAProxy left: it is told, and with no other the exit code is 1", async () => {
    const path = join(tempDir("dead"), "haproxy.sock");
    await abandonedSocket(path);
    const status = await peers("status", "--socket", path);
    expect(status.stdout).toContain("nobody listens there");
    expect(status.stdout).toMatch(/\nit does not answer\n$/);
    expect(status.code).toBe(1);
  });

  test("a word that is no socket at all is wrong configuration", async () => {
    expect(await peers("status", "--socket", "haproxy.sock")).toMatchObject({ code: 2, stdout: "" });
  });
});

test("an HAProxy that stands still is told within the timeout, and its peer tells that it lost it", async () => {
  const lab = await startPeersLab({ count: 2 });
  const [lb1, lb2] = lab.haproxies;
  if (lb1 === undefined || lb2 === undefined) throw new Error("two were asked for");
  lb2.pause();
  const ask = () => peers("status", "--timeout", "500ms", "--socket", lb1.socket, "--socket", lb2.socket);
  // HAProxy itself notices it by the heartbeat, after 5 s.
  const status = await eventually("lb1 misses lb2", async () => {
    const now = await ask();
    return now.stdout.includes("! lb1: not connected with lb2: ") && now;
  });
  expect(status.stdout).toContain(`! ${lb2.socket}: `);
  expect(status.code).toBe(1);
  lb2.resume();
  await eventually("all is well again", async () => (await ask()).code === 0);
});

describe("peers switch", () => {
  test("is refused while one stands still, and with --force does not wait for it", async () => {
    const lab = await startPeersLab({ count: 2 });
    const [lb1, lb2] = lab.haproxies;
    if (lb1 === undefined || lb2 === undefined) throw new Error("two were asked for");
    lb2.pause();
    const to = ["switch", "s2", "--timeout", "500ms", "--socket", lb1.socket, "--socket", lb2.socket];
    const refused = await peers(...to);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(await rowOf(lb1)).toBeUndefined();
    const forced = await peers(...to, "--force");
    expect(forced).toMatchObject({ code: 0, stdout: "lb1: none -> s2\ns2 is the writer of 1 of 2\n" });
    expect(await rowOf(lb1)).toBe("s2");
  });

  test("whose last word is lost at first still brings the servers back", async () => {
    const lab = await startPeersLab({ count: 1 });
    const lb1 = first(lab);
    const moody = await startMoodySocket(join(tempDir("moody"), "haproxy.sock"), () => lb1.socket);
    let lost = 0;
    moody.onCommand = (command) => {
      const isLost = command.includes("state ready") && lost < 2;
      if (isLost) lost++;
      moody.mood = isLost ? { to: /state ready/, does: "hang up" } : undefined;
    };
    const moved = await peers("switch", "s3", "--socket", moody.path);
    expect(moved).toMatchObject({ code: 0, stdout: "lb1: none -> s3\ns3 is the writer of lb1\n" });
    expect(lost).toBe(2);
    expect(await statusesOf(lb1)).toEqual(["s1 UP", "s2 UP", "s3 UP"]);
  });

  test("that cannot bring servers back says what to type, and where", async () => {
    const lab = await startPeersLab({ count: 1 });
    const lb1 = first(lab);
    const moody = await startMoodySocket(join(tempDir("moody"), "haproxy.sock"), () => lb1.socket);
    moody.mood = { to: /state ready/, does: "hang up" };
    const failed = await peers("switch", "s3", "--socket", moody.path);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(
      "lb1: servers are still in maintenance; type into its runtime socket: set server lab/s2 state ready; set server lab/s1 state ready",
    );
  });

  test("with a socket that may only look is refused by HAProxy, and no server stays out of use", async () => {
    const lab = await startPeersLab({ count: 1 });
    const lb1 = first(lab);
    const moody = await startMoodySocket(join(tempDir("moody"), "haproxy.sock"), () => lb1.socket);
    moody.mood = { to: /^(?:set|clear|shutdown) /, does: { answer: "Permission denied\n\n" } };
    const failed = await peers("switch", "s3", "--socket", moody.path);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("Permission denied");
    expect(await statusesOf(lb1)).toEqual(["s1 UP", "s2 UP", "s3 UP"]);
    expect(await rowOf(lb1)).toBeUndefined();
  });
});
