import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { beforeEach, describe, expect, test } from "vitest";
import { describeOldWorker, readOldWorkers } from "../../src/haproxy/old-workers.ts";
import { reloadByMaster } from "../../src/haproxy/reload-master.ts";
import { readBeforeReload, type Watched, watchReload } from "../../src/haproxy/reload-outcome.ts";
import { openRuntimeSocket } from "../../src/haproxy/runtime-socket.ts";
import { reloadByTakeover } from "../../src/haproxy/takeover.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { eventually } from "../support/eventually.ts";
import { cli, type Haproxy, type HaproxyPlace, haproxyHead, haproxyPlace, startHaproxy } from "../support/haproxy.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import { findBinary, launch } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { releaseLater } from "../support/releases.ts";

const NOBODY = 65_534;
const IS_ROOT = process.geteuid?.() === 0;
/** Not in every container. */
const CAN_CONTAIN = spawnSync("sh", ["-c", "unshare --pid --fork true"]).status === 0;

const call = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 15_000 };
/** Long enough for HAProxy to have done whatever it does. */
const short = { ...call, timeoutMs: 1_500 };

let net: string;
beforeEach(async () => {
  net = await loopbackPrefix();
});

/** One listener, with a server of this name. */
function configWith(place: HaproxyPlace, server: string, more = ""): string {
  return `${haproxyHead(place)}listen l\n    bind ${net}.1:20001\n    server ${server} ${net}.2:20101\n${more}`;
}

const SYNTAX_ERROR = "    servr x 127.0.0.1:1\n";
const listenOn = (port: number) => `listen other\n    bind ${net}.1:${port}\n    server s ${net}.2:20101\n`;

/** Holds a port that HAProxy would like to have. */
async function holdPort(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ host: `${net}.1`, port, exclusive: true }, resolve));
  releaseLater("held port", () => new Promise<void>((resolve) => server.close(() => resolve())));
}

/** A server that says hello and keeps its connections. */
async function startBackend(): Promise<void> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.write("hello");
  });
  await new Promise<void>((resolve) => server.listen({ host: `${net}.2`, port: 20_101 }, resolve));
  releaseLater("backend", () => {
    for (const socket of open) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

/** A session through HAProxy that has been answered by the server. */
async function openSession(): Promise<Socket> {
  const socket = createConnection(20_001, `${net}.1`);
  socket.on("error", () => socket.destroy());
  releaseLater("session", () => void socket.destroy());
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  return socket;
}

async function pidOn(socket: string): Promise<number> {
  return Number(/^Pid: (\d+)$/m.exec(await cli(socket, "show info"))?.[1]);
}

function watched(haproxy: HaproxyPlace, server: string, more: Partial<Watched> = {}): Watched {
  const socket = openRuntimeSocket(haproxy.socket);
  return {
    socket,
    clock: systemClock,
    async disagreement(asked) {
      const servers = await socket.ask("show servers state l", asked);
      return servers.includes(` ${server} `) ? undefined : `server l/${server} is missing`;
    },
    ...more,
  };
}

/** Nobody holds its process but the system: ended with the test. */
function endWithTest(place: HaproxyPlace): void {
  releaseLater("the HAProxy in the background", async () => {
    const pid = await pidOn(place.socket).catch(() => undefined);
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  });
}

describe.each(haproxyBinaries())("HAProxy: $version", ({ binary }) => {
  const startMaster = (server = "s0") =>
    startHaproxy({ binary, masterWorker: true, config: (place) => configWith(place, server) });
  const startPlain = (server = "s0") => startHaproxy({ binary, config: (place) => configWith(place, server) });
  const masterOf = (haproxy: HaproxyPlace) => openRuntimeSocket(haproxy.masterSocket);

  describe("by its master", () => {
    test("each of ten reloads in a row is seen to be loaded, by the worker that then answers", async () => {
      const haproxy = await startMaster();
      const pids = new Set<number>();
      for (let nth = 1; nth <= 10; nth++) {
        haproxy.writeConfig(configWith(haproxy, `s${nth}`));
        const outcome = await reloadByMaster(masterOf(haproxy), call);
        if (outcome.result !== "loaded") throw new Error(JSON.stringify(outcome));
        expect(await pidOn(haproxy.socket)).toBe(outcome.workerPid);
        expect(await haproxy.cli("show servers state l")).toContain(` s${nth} `);
        pids.add(outcome.workerPid);
      }
      expect(pids.size).toBe(10);
    });

    test("a file with an error is refused each time, and a good one is taken after it", async () => {
      const haproxy = await startMaster();
      const pid = await pidOn(haproxy.socket);
      haproxy.writeConfig(configWith(haproxy, "s1", SYNTAX_ERROR));
      for (let nth = 0; nth < 3; nth++) {
        const outcome = await reloadByMaster(masterOf(haproxy), call);
        expect(outcome.result).toBe("refused");
        if (binary !== "haproxy") expect(outcome).toHaveProperty("says", expect.stringContaining("'servr'"));
        expect(await pidOn(haproxy.socket)).toBe(pid);
      }
      haproxy.writeConfig(configWith(haproxy, "s1"));
      expect((await reloadByMaster(masterOf(haproxy), call)).result).toBe("loaded");
    });

    test("a file that is good by haproxy -c but asks for a port that is taken is refused", async () => {
      const haproxy = await startMaster();
      const pid = await pidOn(haproxy.socket);
      await holdPort(20_777);
      haproxy.writeConfig(configWith(haproxy, "s1", listenOn(20_777)));
      const check = launch(binary, ["-c", "-q", "-f", haproxy.configPath]);
      expect((await check.exited).code).toBe(0);
      expect((await reloadByMaster(masterOf(haproxy), call)).result).toBe("refused");
      expect(await pidOn(haproxy.socket)).toBe(pid);
    });

    test("a reload that is asked for while the master reloads is not lost", async () => {
      const haproxy = await startMaster();
      for (let nth = 1; nth <= 5; nth++) {
        process.kill(haproxy.pid, "SIGUSR2");
        haproxy.writeConfig(configWith(haproxy, `s${nth}`));
        expect((await reloadByMaster(masterOf(haproxy), call)).result).toBe("loaded");
        expect(await haproxy.cli("show servers state l")).toContain(` s${nth} `);
      }
    });

    test("four who ask at once are all told", async () => {
      const haproxy = await startMaster();
      const outcomes = await Promise.all([1, 2, 3, 4].map(() => reloadByMaster(masterOf(haproxy), call)));
      expect(outcomes.map(({ result }) => result)).toEqual(["loaded", "loaded", "loaded", "loaded"]);
    });

    test("a master that has ended is unclear, and says that it does not answer", async () => {
      const haproxy = await startMaster();
      await haproxy.kill();
      const outcome = await reloadByMaster(masterOf(haproxy), { ...call, timeoutMs: 200 });
      expect(outcome).toMatchObject({ result: "unclear", says: expect.stringContaining("ECONNREFUSED") });
    });

    // haproxy -c does not see it, and up to 3.0 the master and the old worker end with the new one.
    test("a worker that ends of its new file is not told as loaded", async () => {
      const haproxy = await startMaster();
      haproxy.writeConfig(configWith(haproxy, "s1", "global\n    chroot /nowhere\n"));
      expect((await reloadByMaster(masterOf(haproxy), short)).result).not.toBe("loaded");
    });

    test("a worker's socket in place of the master's is an error that says so", async () => {
      const haproxy = await startMaster();
      await expect(reloadByMaster(openRuntimeSocket(haproxy.socket), call)).rejects.toMatchObject({
        code: "E_HAPROXY",
        hint: expect.stringContaining("-S"),
      });
    });
  });

  test("old workers are listed with their sessions, oldest first, until these end", async () => {
    const haproxy = await startMaster();
    await startBackend();
    const sessions: Socket[] = [];
    for (let nth = 1; nth <= 3; nth++) {
      for (let held = 0; held < nth; held++) sessions.push(await openSession());
      haproxy.writeConfig(configWith(haproxy, `s${nth}`));
      await reloadByMaster(masterOf(haproxy), call);
    }
    const workers = await readOldWorkers(masterOf(haproxy), call);
    expect(workers.map(({ sessions }) => sessions)).toEqual([
      [{ backend: "l", server: "s0", count: 1 }],
      [{ backend: "l", server: "s1", count: 2 }],
      [{ backend: "l", server: "s2", count: 3 }],
    ]);
    expect(workers.map(describeOldWorker)[2]).toMatch(/^worker \d+, \d+ s old, holds 3 sessions to l\/s2$/);
    for (const session of sessions) session.destroy();
    await eventually("no old worker is left", async () => (await readOldWorkers(masterOf(haproxy), call)).length === 0);
  });

  test("the worker that goes on after a reload that failed is no old worker", async () => {
    const haproxy = await startMaster();
    haproxy.writeConfig(configWith(haproxy, "s1", SYNTAX_ERROR));
    await reloadByMaster(masterOf(haproxy), call);
    expect(await readOldWorkers(masterOf(haproxy), call)).toEqual([]);
  });

  describe("watched from its runtime socket", () => {
    async function reloadBySignal(haproxy: Haproxy, server: string, more: Partial<Watched> = {}) {
      const watching = watched(haproxy, server, more);
      const before = await readBeforeReload(watching, call);
      process.kill(haproxy.pid, "SIGUSR2");
      return { watching, before };
    }

    test("a reload by signal is loaded when the new process has what the file says", async () => {
      const haproxy = await startMaster();
      haproxy.writeConfig(configWith(haproxy, "s1"));
      const { watching, before } = await reloadBySignal(haproxy, "s1");
      const outcome = await watchReload(before, watching, call);
      expect(outcome).toMatchObject({ result: "loaded", workerPid: await pidOn(haproxy.socket) });
    });

    test("with the master's socket a refusal is seen at once", async () => {
      const haproxy = await startMaster();
      haproxy.writeConfig(configWith(haproxy, "s1", SYNTAX_ERROR));
      const { watching, before } = await reloadBySignal(haproxy, "s1", { master: masterOf(haproxy) });
      expect((await watchReload(before, watching, call)).result).toBe("refused");
    });

    test("without it a refusal is unclear, and names the process that still answers", async () => {
      const haproxy = await startMaster();
      const pid = await pidOn(haproxy.socket);
      haproxy.writeConfig(configWith(haproxy, "s1", SYNTAX_ERROR));
      const { watching, before } = await reloadBySignal(haproxy, "s1");
      const outcome = await watchReload(before, watching, short);
      expect(outcome).toMatchObject({ result: "unclear", says: expect.stringContaining(`process ${pid} still`) });
    });

    test("a new process that has something else than the file is unclear, and says what", async () => {
      const haproxy = await startMaster();
      const { watching, before } = await reloadBySignal(haproxy, "s1");
      const outcome = await watchReload(before, watching, short);
      expect(outcome).toMatchObject({ result: "unclear", says: expect.stringContaining("server l/s1 is missing") });
    });

    test("a process that was started with -sf by hand is seen", async () => {
      const haproxy = await startPlain();
      const watching = watched(haproxy, "s1");
      const before = await readBeforeReload(watching, call);
      haproxy.writeConfig(configWith(haproxy, "s1"));
      const started = haproxy.reload();
      const outcome = await watchReload(before, watching, call);
      await started;
      expect(outcome).toMatchObject({ result: "loaded", workerPid: haproxy.pid });
    });
  });

  describe("by a new process", () => {
    test("the new one takes over, twice, and the old one keeps its sessions", async () => {
      const haproxy = await startPlain();
      endWithTest(haproxy);
      await startBackend();
      const session = await openSession();
      const first = haproxy.pid;
      for (const server of ["s1", "s2"]) {
        haproxy.writeConfig(configWith(haproxy, server));
        const outcome = await reloadByTakeover(watched(haproxy, server), call);
        if (outcome.result !== "loaded") throw new Error(JSON.stringify(outcome));
        expect(outcome.workerPid).toBe(await pidOn(haproxy.socket));
        const words = readFileSync(`/proc/${outcome.workerPid}/cmdline`, "latin1").split("\0");
        expect(words.filter((word) => ["-D", "-db", "-x", "-sf"].includes(word))).toEqual(["-D", "-x", "-sf"]);
        await openSession();
      }
      expect(haproxy.running).toBe(true);
      expect(haproxy.pid).toBe(first);
      session.destroy();
      await eventually("the first process has ended", () => !haproxy.running);
    });

    test("a file with an error is refused in HAProxy's words, and the old process goes on", async () => {
      const haproxy = await startPlain();
      haproxy.writeConfig(configWith(haproxy, "s1", SYNTAX_ERROR));
      const outcome = await reloadByTakeover(watched(haproxy, "s1"), call);
      expect(outcome).toMatchObject({ result: "refused", says: expect.stringContaining("'servr'") });
      expect(await pidOn(haproxy.socket)).toBe(haproxy.pid);
    });

    test("so is a port that is taken", async () => {
      const haproxy = await startPlain();
      await holdPort(20_777);
      haproxy.writeConfig(configWith(haproxy, "s1", listenOn(20_777)));
      const outcome = await reloadByTakeover(watched(haproxy, "s1"), call);
      expect(outcome).toMatchObject({ result: "refused", says: expect.stringContaining("Address already in use") });
      expect(await pidOn(haproxy.socket)).toBe(haproxy.pid);
      expect(await haproxy.cli("show servers state l")).toContain(" s0 ");
    });

    test("without expose-fd listeners it says that they are needed", async () => {
      const config = (place: HaproxyPlace) => configWith(place, "s0").replace(" expose-fd listeners", "");
      const haproxy = await startHaproxy({ binary, config });
      await expect(reloadByTakeover(watched(haproxy, "s0"), call)).rejects.toMatchObject({
        code: "E_HAPROXY",
        hint: expect.stringContaining("expose-fd listeners"),
      });
      expect(await pidOn(haproxy.socket)).toBe(haproxy.pid);
    });

    test("a master's worker is left alone", async () => {
      const haproxy = await startMaster();
      await expect(reloadByTakeover(watched(haproxy, "s0"), call)).rejects.toMatchObject({
        code: "E_HAPROXY",
        hint: expect.stringContaining("master_socket"),
      });
    });

    test("over TCP it cannot be done", async () => {
      const haproxy = await startHaproxy({
        binary,
        config: (place) => configWith(place, "s0", `global\n    stats socket ipv4@${net}.1:20999 level admin\n`),
      });
      const socket = openRuntimeSocket(`${net}.1:20999`);
      await expect(reloadByTakeover(watched(haproxy, "s0", { socket }), call)).rejects.toMatchObject({
        code: "E_HAPROXY",
        hint: expect.stringContaining("unix socket"),
      });
    });

    test.runIf(CAN_CONTAIN).each([
      ["its first process", "exec"],
      ["another one", ""],
    ])("in a container, %s, it is left alone: its pid means nothing here", async (_, exec) => {
      const place = haproxyPlace();
      writeFileSync(place.configPath, configWith(place, "s0"));
      const line = `${exec} ${findBinary(binary)} -db -f ${place.configPath}; :`;
      launch("unshare", ["--pid", "--fork", "--kill-child", "sh", "-c", line], { endWith: "SIGKILL" });
      await eventually("it answers", async () => (await pidOn(place.socket)) === (exec === "" ? 2 : 1));
      await expect(reloadByTakeover(watched(place, "s0"), call)).rejects.toMatchObject({
        code: "E_HAPROXY",
        hint: expect.stringContaining("container"),
      });
    });

    test.runIf(IS_ROOT)("who may not look at the process is told who may", async () => {
      const haproxy = await startPlain();
      chmodSync(haproxy.socket, 0o777);
      chmodSync(haproxy.dir, 0o777);
      process.seteuid?.(NOBODY);
      try {
        await expect(reloadByTakeover(watched(haproxy, "s0"), call)).rejects.toMatchObject({
          code: "E_HAPROXY",
          message: expect.stringContaining("user 0"),
          hint: expect.stringContaining("root"),
        });
      } finally {
        process.seteuid?.(0);
      }
    });

    // Only the machine's own is where everybody may read it.
    test.runIf(IS_ROOT && binary === "haproxy")(
      "one that was started by another user is started by that user again",
      async () => {
        const place = haproxyPlace();
        chmodSync(place.dir, 0o777);
        writeFileSync(place.configPath, configWith(place, "s0"));
        const as = ["--reuid", `${NOBODY}`, "--regid", `${NOBODY}`, "--clear-groups", findBinary(binary)];
        const old = launch("setpriv", [...as, "-db", "-f", place.configPath], { dir: place.dir });
        await eventually("it answers", async () => (await pidOn(place.socket)) === old.pid);
        endWithTest(place);
        const outcome = await reloadByTakeover(watched(place, "s0"), call);
        if (outcome.result !== "loaded") throw new Error(JSON.stringify(outcome));
        expect(readFileSync(`/proc/${outcome.workerPid}/status`, "utf8")).toMatch(/^Uid:\s+65534\s+65534\s+65534/m);
      },
    );

    test.runIf(IS_ROOT)("one that has become another user, in a chroot, does so again", async () => {
      const config = (place: HaproxyPlace) =>
        configWith(place, "s0").replace(
          "global\n",
          `global\n    uid ${NOBODY}\n    gid ${NOBODY}\n    chroot ${place.dir}\n`,
        );
      const haproxy = await startHaproxy({ binary, config });
      endWithTest(haproxy);
      for (let nth = 0; nth < 2; nth++) {
        const outcome = await reloadByTakeover(watched(haproxy, "s0"), call);
        if (outcome.result !== "loaded") throw new Error(JSON.stringify(outcome));
        expect(readFileSync(`/proc/${outcome.workerPid}/status`, "utf8")).toMatch(/^Uid:\s+65534\s+65534\s+65534/m);
      }
    });
  });
});
