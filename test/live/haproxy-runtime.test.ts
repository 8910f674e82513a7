import { describe, expect, test } from "vitest";
import { bringUp } from "../../src/haproxy/bring-up.ts";
import { compareServers } from "../../src/haproxy/compare.ts";
import type { ConfiguredServer, RuntimeStep } from "../../src/haproxy/difference.ts";
import { readOperatorState, restoreOperatorState } from "../../src/haproxy/operator-state.ts";
import { runSteps, StepsError, undoSteps } from "../../src/haproxy/run-steps.ts";
import { openRuntimeSocket, type RuntimeSocket, throughMaster } from "../../src/haproxy/runtime-socket.ts";
import { readInfo, readListeners, readServers } from "../../src/haproxy/servers-state.ts";
import { cutSessions, cutSessionsInOldWorker } from "../../src/haproxy/sessions.ts";
import {
  addServer,
  deleteServer,
  retireServer,
  setAddress,
  setMaintenance,
  setWeight,
} from "../../src/haproxy/steps.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { compareSettled } from "../support/compare-settled.ts";
import { type Echo, openEchoSession, startEcho } from "../support/echo.ts";
import { eventually } from "../support/eventually.ts";
import { type Haproxy, haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import { configuredServer } from "../support/haproxy-servers.ts";
import { serverStat } from "../support/haproxy-stat.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { startScriptedAgent } from "../support/scripted-agent.ts";

const call = { signal: new AbortController().signal, clock: systemClock };

const FRONT_PORT = 20_001;

describe.each(haproxyBinaries())("HAProxy, $version", ({ binary }) => {
  interface Scene {
    readonly haproxy: Haproxy;
    readonly socket: RuntimeSocket;
    readonly front: string;
    readonly one: Echo;
    readonly two: Echo;
  }

  /** Two echo servers, and `listen b` with what is wanted in it. */
  async function setScene(
    lines: (one: Echo, two: Echo) => readonly string[],
    { masterWorker = false }: { masterWorker?: boolean } = {},
  ): Promise<Scene> {
    const prefix = await loopbackPrefix();
    const front = `${prefix}.1`;
    const [one, two] = await Promise.all([startEcho(`${prefix}.2`), startEcho(`${prefix}.3`)]);
    const haproxy = await startHaproxy({
      binary,
      masterWorker,
      config: (place) => `${haproxyHead(place)}    timeout client 1m
    timeout server 1m
listen b
    bind ${front}:${FRONT_PORT}
    ${lines(one, two).join("\n    ")}
`,
    });
    return { haproxy, socket: openRuntimeSocket(haproxy.socket), front, one, two };
  }

  const connect = ({ front }: Scene) => openEchoSession(front, FRONT_PORT);

  function inFile(echo: Echo, differs: Partial<ConfiguredServer> = {}): ConfiguredServer {
    return configuredServer({ address: echo.address, port: echo.port, weight: 1, ...differs });
  }

  test("tells who answers, which frontends are open and what its servers are", async () => {
    const scene = await setScene((one) => [`server s1 ${one.server} weight 7`, "server s2 [::1]:81 disabled"]);
    const { socket, haproxy, one } = scene;
    const info = await readInfo(socket, call);
    expect(info).toMatchObject({ pid: haproxy.pid, isStopping: false });
    expect(info.version.version.every(Number.isInteger)).toBe(true);
    expect(await readListeners(socket, call)).toEqual([{ frontend: "b", isOpen: true }]);
    const configured = [
      inFile(one, { weight: 7 }),
      configuredServer({ server: "s2", address: "::1", port: 81, weight: 1, disabled: true }),
    ];
    expect(compareServers(configured, await readServers(socket, call))).toEqual([]);
    expect(await readServers(socket, call, "b")).toEqual(await readServers(socket, call));
    await expect(readServers(socket, call, "nobody")).rejects.toThrow(/"Can't find backend\."/);
  });

  test("through its master it is the same, and a worker that is not there is gone", async () => {
    const scene = await setScene((one) => [`server s1 ${one.server}`], { masterWorker: true });
    const master = openRuntimeSocket(scene.haproxy.masterSocket);
    const worker = throughMaster(master, "@1");
    expect((await readInfo(worker, call)).pid).toBe((await readInfo(scene.socket, call)).pid);
    expect(await readServers(worker, call)).toEqual(await readServers(scene.socket, call));
    const weights = [3, 4, 5].map((weight) => `set server b/s1 weight ${weight}`);
    expect(await worker.askAll([...weights, "get weight b/s1"], call)).toEqual(["", "", "", "5 (initial 1)"]);
    const gone = throughMaster(master, "@!1");
    await expect(gone.ask("show info", call)).rejects.toMatchObject({ code: "E_HAPROXY", trouble: "gone" });
    await expect(gone.askAll(["show info", "show sess"], call)).rejects.toMatchObject({ trouble: "gone" });
    expect(await master.unjudged.ask("show proc", call)).toMatch(/^#<PID>/);
  });

  test("answers to more commands than fit on one line come in order", async () => {
    const { socket } = await setScene((one) => [`server s1 ${one.server}`]);
    const commands = Array.from({ length: 600 }, (_, at) => [
      `set server b/s1 weight ${at % 257}`,
      "get weight b/s1",
    ]).flat();
    const answers = await socket.askAll(commands, call);
    expect(answers).toHaveLength(1_200);
    expect(answers.filter((_, at) => at % 2 === 1)).toEqual(
      Array.from({ length: 600 }, (_, at) => `${at % 257} (initial 1)`),
    );
  });

  describe("steps", () => {
    test("change the address for new connections, and leave the old ones alone", async () => {
      const scene = await setScene((one) => [`server s1 ${one.server}`]);
      const { socket, one, two } = scene;
      const before = await connect(scene);
      const about = { backend: "b", server: "s1" };
      const from = { ip: one.address, port: one.port };
      const steps = [setAddress(about, from, { ip: two.address, port: two.port }), setWeight(about, 1, 9)];
      await runSteps(socket, steps, call);
      expect(await compareSettled(socket, [inFile(two, { weight: 9 })], call)).toEqual([]);
      expect((await connect(scene)).server).toBe(two.server);
      expect(await before.say("still there")).toBe("still there");
      // Once more: that nothing is to be changed is as good.
      await runSteps(socket, steps, call);
      await undoSteps(socket, steps, call);
      expect(await compareSettled(socket, [inFile(one)], call)).toEqual([]);
      expect((await connect(scene)).server).toBe(one.server);
    });

    test("end at the first that HAProxy refuses, and what was done can be taken back", async () => {
      const { socket, one } = await setScene((one) => [`server s1 ${one.server}`]);
      const about = { backend: "b", server: "s1" };
      const steps = [setWeight(about, 1, 9), setWeight(about, 9, 300), setMaintenance(about, true)];
      const error = await runSteps(socket, steps, call).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StepsError);
      expect(error).toMatchObject({
        code: "E_HAPROXY",
        begun: steps.slice(0, 1),
        message: `HAProxy at ${socket.name}: "set server b/s1 weight 300" was answered with "Absolute weight can only be between 0 and 256 inclusive." (step 2 of 3; those before it were done)`,
      });
      const [drift] = compareServers([inFile(one, { weight: 9 })], await readServers(socket, call));
      expect(drift).toBeUndefined();
      await undoSteps(socket, (error as StepsError).begun, call);
      expect(compareServers([inFile(one)], await readServers(socket, call))).toEqual([]);
    });

    test("that cannot be taken back are told, and do not stop the others", async () => {
      const { socket, one } = await setScene((one) => [`server s1 ${one.server}`]);
      const about = { backend: "b", server: "s1" };
      const broken: RuntimeStep = { ...setWeight(about, 1, 9), undo: "set server b/nobody weight 1" };
      const steps = [setWeight(about, 1, 9), broken];
      await runSteps(socket, steps, call);
      await expect(undoSteps(socket, steps, call)).rejects.toThrow(
        'was not brought back to what it was: "set server b/nobody weight 1" was answered with "No such server."',
      );
      expect(compareServers([inFile(one)], await readServers(socket, call))).toEqual([]);
    });

    test("add a server that takes connections, and delete one only when its last session has ended", async () => {
      const scene = await setScene((one) => ["balance roundrobin", `server s1 ${one.server}`]);
      const { socket, one, two } = scene;
      const added = { backend: "b", server: "s2" };
      const wanted = { hasCheck: false, hasAgent: false, isDisabled: false };
      await runSteps(socket, addServer(added, [two.server], wanted), call);
      expect(compareServers([inFile(one), inFile(two, { server: "s2" })], await readServers(socket, call))).toEqual([]);
      const session = await eventually("a connection reaches the added server", async () => {
        const next = await connect(scene);
        return next.server === two.server && next;
      });

      const steps = [...retireServer(added, wanted), deleteServer(added)];
      const hasty = runSteps(socket, steps, { ...call, timeoutMs: 100 });
      await expect(hasty).rejects.toThrow('"del server b/s2" was not tried: b/s2 still has 1 sessions after 100 ms');
      const deleting = runSteps(socket, [deleteServer(added)], call);
      session.close();
      await deleting;
      expect((await readServers(socket, call)).map(({ server }) => server)).toEqual(["s1"]);
    });
  });

  describe("sessions", () => {
    test("to a server are cut, those to others are not", async () => {
      const scene = await setScene((one, two) => [
        "balance roundrobin",
        `server s1 ${one.server}`,
        `server s2 ${two.server}`,
      ]);
      const sessions = await Promise.all(Array.from({ length: 20 }, () => connect(scene)));
      const toOne = sessions.filter(({ server }) => server === scene.one.server);
      const toTwo = sessions.filter(({ server }) => server === scene.two.server);
      expect(toOne).toHaveLength(10);
      const servers = ["b/s1", "b/nobody", "nowhere/s1"].map((path) => {
        const [backend = "", server = ""] = path.split("/");
        return { backend, server };
      });
      expect(await cutSessions(scene.socket, servers, call)).toEqual({ sessions: 10, hanging: 0 });
      await Promise.all(toOne.map(({ ended }) => ended));
      for (const session of toTwo) expect(await session.say("hello")).toBe("hello");
      const none = { sessions: 0, hanging: 0 };
      expect(await cutSessions(scene.socket, servers, call)).toEqual(none);
      expect(await cutSessions(scene.socket, [], call)).toEqual(none);
    });

    test.each([
      ["as an old worker's", cutSessionsInOldWorker],
      ["as any worker's: it says itself that it is an old one", cutSessions],
    ] as const)("in an old worker are cut one by one, %s", async (_, cut) => {
      const lines = (one: Echo, two: Echo) => [
        "balance roundrobin",
        `server s1 ${one.server}`,
        `server s2 ${two.server}`,
      ];
      const scene = await setScene(lines, { masterWorker: true });
      const master = openRuntimeSocket(scene.haproxy.masterSocket);
      const oldPid = (await readInfo(scene.socket, call)).pid;
      // Their list is longer than HAProxy's buffers, and more than one line of commands.
      const sessions = await Promise.all(Array.from({ length: 200 }, () => connect(scene)));
      expect(await scene.haproxy.reload()).toBe(true);
      const worker = throughMaster(master, `@!${oldPid}`);
      expect((await readInfo(worker, call)).isStopping).toBe(true);
      expect((await readListeners(worker, call)).filter(({ isOpen }) => isOpen)).toEqual([]);
      const newOne = await connect(scene);

      expect(await cut(worker, [{ backend: "b", server: "s1" }], call)).toEqual({ sessions: 100, hanging: 0 });
      await Promise.all(sessions.filter(({ server }) => server === scene.one.server).map(({ ended }) => ended));
      const others = sessions.filter(({ server }) => server === scene.two.server);
      expect(await others[0]?.say("hello")).toBe("hello");
      expect(others.every(({ isOpen }) => isOpen)).toBe(true);
      expect(await newOne.say("hello")).toBe("hello");

      for (const session of others) session.close();
      await eventually("the old worker has ended", async () => {
        return worker.ask("show info", call).then(
          () => false,
          (error: { trouble?: string }) => error.trouble === "gone",
        );
      });
      expect(await cutSessionsInOldWorker(worker, [{ backend: "b", server: "s1" }], call)).toEqual({
        sessions: 0,
        hanging: 0,
      });
    });

    test("that wait for a server in an old worker are cut, for they would get the old one", async () => {
      const scene = await setScene((one) => ["timeout queue 1m", `server s1 ${one.server} maxconn 1`], {
        masterWorker: true,
      });
      const master = openRuntimeSocket(scene.haproxy.masterSocket);
      const oldPid = (await readInfo(scene.socket, call)).pid;
      const first = await connect(scene);
      const waiting = connect(scene).then(
        ({ server }) => server,
        () => "cut",
      );
      await eventually("it waits", async () => / be=b srv=<none> /.test(await scene.haproxy.cli("show sess")));
      expect(await scene.haproxy.reload()).toBe(true);
      const worker = throughMaster(master, `@!${oldPid}`);
      const cut = await cutSessionsInOldWorker(worker, [{ backend: "b", server: "s1" }], call);
      expect(cut.sessions).toBe(2);
      await first.ended;
      // HAProxy 3.0 does not tell the client, and only its own end does.
      if (cut.hanging > 0) process.kill(oldPid, "SIGTERM");
      expect(await waiting).toBe("cut");
    });
  });

  describe("a good server that HAProxy has down", () => {
    const CHECK = "check inter 50ms fall 1 rise 1000";

    test("is put up at once, and takes connections", async () => {
      const scene = await setScene((one) => [`server s1 ${one.address}:20999 ${CHECK}`]);
      const { socket, one } = scene;
      const about = { backend: "b", server: "s1" };
      await eventually("it is down", async () => (await serverStat(scene.haproxy, "b", "s1"))["status"] === "DOWN");
      const step = setAddress(about, { ip: one.address, port: 20_999 }, { ip: one.address, port: one.port });
      await runSteps(socket, [step], call);
      expect(await compareSettled(socket, [inFile(one)], call)).toEqual([]);
      expect(await bringUp(socket, [about], call)).toEqual([about]);
      expect((await connect(scene)).server).toBe(one.server);
      expect(
        await bringUp(socket, [about, { backend: "b", server: "nobody" }, { backend: "c", server: "s1" }], call),
      ).toEqual([]);
    });

    test("stays as it is in maintenance, and where its agent has it down", async () => {
      const agent = await startScriptedAgent();
      agent.say("down\n");
      const asks = `agent-check agent-addr ${agent.address} agent-port ${agent.port} agent-inter 50ms`;
      const scene = await setScene((one) => [
        `server maint ${one.address}:20999 ${CHECK} disabled`,
        `server agent ${one.server} ${asks}`,
        `server both ${one.address}:20999 ${CHECK} ${asks}`,
        `server unchecked ${one.address}:20999`,
        `server tracking ${one.address}:20999 track both`,
      ]);
      const names = ["maint", "agent", "both", "unchecked", "tracking"];
      const status = async (name: string) => serverStat(scene.haproxy, "b", name);
      await eventually("the agent has both down", async () => {
        const rows = await Promise.all(["agent", "both"].map(status));
        return rows.every((row) => row["agent_status"] === "L7STS") && rows[1]?.["check_status"] === "L4CON";
      });
      expect(
        await bringUp(
          scene.socket,
          names.map((server) => ({ backend: "b", server })),
          call,
        ),
      ).toEqual([]);
      expect((await status("maint"))["status"]).toBe("MAINT");
      for (const name of ["agent", "both", "tracking"]) expect((await status(name))["status"]).toMatch(/^DOWN/);
    });
  });

  describe("what people set by hand", () => {
    const SERVERS = ["maint", "drain", "ready", "weight", "moved", "reweighted", "enabled", "gone", "plain"] as const;
    const DISABLED = new Set<string>(["ready", "enabled"]);
    const lines = ({ address }: Echo) =>
      SERVERS.map(
        (name, at) => `server ${name} ${address}:${30_000 + at} weight 10${DISABLED.has(name) ? " disabled" : ""}`,
      );
    const configured = ({ address }: Echo) =>
      SERVERS.map((server, at) =>
        configuredServer({ server, address, port: 30_000 + at, weight: 10, disabled: DISABLED.has(server) }),
      );
    const BY_HAND = [
      "set server b/maint state maint",
      "set server b/drain state drain",
      "set server b/ready state ready",
      "set server b/weight weight 50",
      "set server b/moved state maint",
      "set server b/reweighted weight 50",
      "set server b/enabled state ready",
      "set server b/gone state maint",
    ];

    test("is set again after a reload, but not where the file has changed meanwhile", async () => {
      const { haproxy, socket, front, one, two } = await setScene(lines);
      await socket.askAll(BY_HAND, call);
      const state = readOperatorState(await readServers(socket, call), configured(one));
      expect(state.map(({ about, state, weight }) => [about.server, state ?? weight])).toEqual([
        ...[
          ["maint", "maint"],
          ["drain", "drain"],
          ["ready", "ready"],
          ["weight", 50],
        ],
        ...[
          ["moved", "maint"],
          ["reweighted", 50],
          ["enabled", "ready"],
          ["gone", "maint"],
        ],
      ]);

      const changed = lines(one)
        .filter((line) => !line.startsWith("server gone "))
        .map((line) => {
          if (line.startsWith("server moved ")) return line.replace(one.address, two.address);
          if (line.startsWith("server reweighted ")) return line.replace("weight 10", "weight 20");
          return line.startsWith("server enabled ") ? line.replace(" disabled", "") : line;
        });
      haproxy.writeConfig(
        `${haproxyHead(haproxy)}listen b\n    bind ${front}:${FRONT_PORT}\n    ${changed.join("\n    ")}\n`,
      );
      expect(await haproxy.reload()).toBe(true);
      expect(await restoreOperatorState(socket, state, call)).toEqual([
        "b/maint: in maintenance again, as it was by hand",
        "b/drain: draining again, as it was by hand",
        "b/ready: enabled again, as it was by hand",
        "b/weight: weight 50 again, as it was by hand",
        `b/moved: "maint", set by hand, was not put back: it is another server now (${one.address}:30004 → ${two.address}:30004)`,
        'b/gone: "maint", set by hand, was not put back: HAProxy has it no longer',
      ]);
      const now = await readServers(socket, call);
      expect(now.map(({ server, adminState, weight }) => [server, adminState, weight])).toEqual([
        ...[
          ["maint", 1, 10],
          ["drain", 8, 10],
          ["ready", 4, 10],
          ["weight", 0, 50],
        ],
        ...[
          ["moved", 0, 10],
          ["reweighted", 0, 20],
          ["enabled", 0, 10],
          ["plain", 0, 10],
        ],
      ]);
      // HAProxy may have put it back itself, from its own file.
      expect((await restoreOperatorState(socket, state, call)).filter((note) => note.includes(" again"))).toEqual([]);
      expect(await restoreOperatorState(socket, [], call)).toEqual([]);
    });
  });
});
