import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runSteps, type StepsError, undoSteps } from "../../src/haproxy/run-steps.ts";
import { openRuntimeSocket, throughMaster } from "../../src/haproxy/runtime-socket.ts";
import { readInfo, readServers } from "../../src/haproxy/servers-state.ts";
import { cutSessions, cutSessionsInOldWorker } from "../../src/haproxy/sessions.ts";
import { setMaintenance, setWeight } from "../../src/haproxy/steps.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { compareSettled } from "../support/compare-settled.ts";
import { eventually } from "../support/eventually.ts";
import { type HaproxyPlace, haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { configuredServer } from "../support/haproxy-servers.ts";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { releaseLater } from "../support/releases.ts";
import { type Script, startScriptedHaproxy } from "../support/scripted-haproxy.ts";
import { tempDir } from "../support/temp-dir.ts";

const call = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 2_000 };
const hasty = { ...call, timeoutMs: 100 };
const S1 = { backend: "b", server: "s1" };

async function openScripted(script: Script) {
  const haproxy = await startScriptedHaproxy(script);
  return { haproxy, socket: openRuntimeSocket(haproxy.path) };
}

describe("no connection", () => {
  test.each([
    ["there is no socket", (dir: string) => join(dir, "none.sock"), "there is no such socket (ENOENT)", /stats socket/],
    [
      "it is a file, or what is left of a socket",
      (dir: string) => {
        const path = join(dir, "file");
        writeFileSync(path, "");
        return path;
      },
      "nobody listens there (ECONNREFUSED)",
      /may not run/,
    ],
  ] as const)("%s", async (_, make, says, hint) => {
    const path = make(tempDir());
    await expect(openRuntimeSocket(path).ask("show info", call)).rejects.toMatchObject({
      code: "E_HAPROXY",
      trouble: "unreachable",
      retryable: true,
      message: `HAProxy at ${path}: "show info": ${says}`,
      hint: expect.stringMatching(hint),
    });
    await expect(openRuntimeSocket(`unix:${path}`).ask("show info", call)).rejects.toMatchObject({
      trouble: "unreachable",
    });
  });

  test("nobody listens on the port", async () => {
    const host = `${await loopbackPrefix()}.1`;
    const name = `${host}:${await freePort(host)}`;
    await expect(openRuntimeSocket(name).askAll(["show info", "show sess"], call)).rejects.toMatchObject({
      trouble: "unreachable",
      message: `HAProxy at ${name}: "show info" and 1 more: nobody listens there (ECONNREFUSED)`,
    });
  });
});

test.each(["", "haproxy.sock", "host", "host:0", "host:65536", "::1:9999", "abns@x", "ho st:99", "unix:", "[::1]"])(
  "%j is no address of a runtime socket",
  (address) => {
    expect(() => openRuntimeSocket(address)).toThrow(`"${address}" is no runtime socket of HAProxy`);
  },
);

describe("no whole answer", () => {
  test.each([
    ["the connection ends without a word", "", "without an answer"],
    ["it ends within a line", "Name: HAPr", 'in the middle of its answer: "Name: HAPr"'],
    ["it ends between two lines", "Name: HAProxy\nPid: 1\n", 'in the middle of its answer: "Name: HAProxy / Pid: 1"'],
  ] as const)("%s", async (_, answer, says) => {
    const { socket } = await openScripted(() => answer);
    await expect(socket.ask("show info", call)).rejects.toMatchObject({
      trouble: "broken",
      message: `HAProxy at ${socket.name}: "show info": the connection was closed ${says}`,
    });
  });

  test("the connection is cut", async () => {
    // As a master does that executes itself anew just then.
    const path = join(tempDir(), "haproxy.sock");
    const server = createServer({ pauseOnConnect: true }, (connection) => connection.destroy()).listen(path);
    releaseLater("cutting server", () => void server.close());
    await once(server, "listening");
    await expect(openRuntimeSocket(path).ask("show info", call)).rejects.toMatchObject({
      code: "E_HAPROXY",
      trouble: "broken",
      message: expect.stringMatching(/: the connection was (?:cut|closed without an answer)/),
    });
  });

  test.each([
    ["nothing comes", () => undefined],
    [
      "it comes in drops",
      (_: string, connection: { write(text: string): void; on(event: "close", listener: () => void): void }) => {
        const timer = setInterval(() => connection.write("x"), 10);
        connection.on("close", () => clearInterval(timer));
        return undefined;
      },
    ],
  ] as const)("%s: it is over after the timeout, and so is the connection", async (_, script) => {
    const { haproxy, socket } = await openScripted(script);
    await expect(socket.ask("show info", hasty)).rejects.toMatchObject({
      trouble: "timeout",
      message: `HAProxy at ${socket.name}: "show info" was not answered within 100 ms`,
    });
    await eventually("the connection is closed", () => haproxy.isAbandoned());
  });

  test.each([
    ["its first word", "Can't find the target PID matching the prefix '@!99'\n", "gone"],
    ["after an answer", "\nCan't find the target PID matching the prefix '@!99'\n", "gone"],
    ["that it cannot reach the worker", "Can't connect to the target CLI!\n", "unreachable"],
  ] as const)(
    "a master that forgets to close after its last word (3.0) is not waited for: %s",
    async (_, says, trouble) => {
      const { haproxy, socket } = await openScripted((_line, connection) => {
        connection.write(says);
        return undefined;
      });
      const worker = throughMaster(socket, "@!99");
      await expect(worker.askAll(["show info", "show sess"], call)).rejects.toMatchObject({ trouble });
      await eventually("the connection is closed", () => haproxy.isAbandoned());
    },
  );

  test("nothing comes, and the caller stops: the reason is the caller's", async () => {
    const { haproxy, socket } = await openScripted(() => undefined);
    const controller = new AbortController();
    const asking = socket.ask("show info", { ...call, signal: controller.signal });
    await eventually("it was asked", () => haproxy.lines.length === 1);
    const reason = new Error("stopping");
    controller.abort(reason);
    await expect(asking).rejects.toBe(reason);
    await eventually("the connection is closed", () => haproxy.isAbandoned());
  });

  test("it does not end: so much is taken and no more", async () => {
    const { haproxy, socket } = await openScripted((_, connection) => {
      const flood = "x".repeat(1024 * 1024);
      const more = () => {
        while (!connection.destroyed && connection.write(flood));
      };
      connection.on("drain", more);
      more();
      return undefined;
    });
    await expect(socket.ask("show sess", { ...call, timeoutMs: 20_000 })).rejects.toMatchObject({
      trouble: "strange",
      message: `HAProxy at ${socket.name}: "show sess": the answer has more than 67108864 bytes`,
    });
    await eventually("the connection is closed", () => haproxy.isAbandoned());
  });
});

describe("an answer that nobody can read", () => {
  test.each([
    ["HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"],
    ["\x80\xff\x00\x01\n\n"],
    ["\n"],
    ["2\n# be_id\n\n"],
  ])("%j is an error", async (answer) => {
    const { socket } = await openScripted(() => answer);
    await expect(readServers(socket, call)).rejects.toMatchObject({ code: "E_HAPROXY" });
    await expect(readInfo(socket, call)).rejects.toMatchObject({ code: "E_HAPROXY" });
  });

  test("answers that cannot be told apart are an error", async () => {
    const { socket } = await openScripted(() => "health checks are not enabled on this server\n\n");
    await expect(
      socket.askAll(["set server b/s1 check-port 1", "set server b/s1 weight 1"], call),
    ).rejects.toMatchObject({
      trouble: "strange",
      message: expect.stringContaining('and 1 more was answered with "health checks are not enabled on this server"'),
    });
  });
});

test.each(["a;b", "a\nb", "a\rb", "a\tb", "a\\;b", "set x <<", "", " "])(
  "%j is not one command, and nothing of it is sent",
  async (command) => {
    const { haproxy, socket } = await openScripted(() => "\n");
    await expect(socket.ask(command, call)).rejects.toMatchObject({ code: "E_INTERNAL" });
    await expect(socket.askAll(["show info", command], call)).rejects.toMatchObject({ code: "E_INTERNAL" });
    expect(haproxy.lines).toEqual([]);
  },
);

describe("steps", () => {
  const steps = [setWeight(S1, 1, 2), setWeight(S1, 2, 3), setMaintenance(S1, true)];

  test("an answer that is not known is not done", async () => {
    const { haproxy, socket } = await openScripted(() => "Weight is being considered.\n\n");
    await expect(runSteps(socket, steps, call)).rejects.toMatchObject({
      code: "E_HAPROXY",
      begun: [],
      message: `HAProxy at ${socket.name}: "set server b/s1 weight 2" was answered with "Weight is being considered." (step 1 of 3; those before it were done)`,
    });
    expect(haproxy.lines).toEqual(["set server b/s1 weight 2"]);
  });

  test("HAProxy dies within the second: it may have been done, and is among what is taken back", async () => {
    const { haproxy, socket } = await openScripted((line) => (line.endsWith("weight 3") ? "" : "\n"));
    const error = await runSteps(socket, steps, call).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      begun: steps.slice(0, 2),
      message: expect.stringContaining("without an answer (step 2 of 3"),
    });
    await undoSteps(socket, (error as StepsError).begun, call);
    expect(haproxy.lines.slice(2)).toEqual(["set server b/s1 weight 2", "set server b/s1 weight 1"]);
  });

  test("HAProxy dies while they are taken back: all of it is tried, and told", async () => {
    const { haproxy, socket } = await openScripted(() => "");
    await expect(undoSteps(socket, steps, call)).rejects.toThrow(
      /was not brought back to what it was: .*state ready.*; .*weight 2.*; .*weight 1.*/,
    );
    expect(haproxy.lines).toHaveLength(3);
  });

  test("an abort comes before the first, or not at all", async () => {
    const controller = new AbortController();
    const { haproxy, socket } = await openScripted(() => {
      controller.abort(new Error("stopping"));
      return "\n";
    });
    await runSteps(socket, steps, { ...call, signal: controller.signal });
    expect(haproxy.lines).toHaveLength(3);
    await expect(runSteps(socket, steps, { ...call, signal: controller.signal })).rejects.toThrow("stopping");
    expect(haproxy.lines).toHaveLength(3);
  });

  test("an abort ends the wait for sessions", async () => {
    const controller = new AbortController();
    const { haproxy, socket } = await openScripted(() => {
      return "0x1: proto=tcpv4 src=1 fe=b be=b srv=s1 ts=00\n\n# bkname/svname x used_cur idle_cur\n\n";
    });
    const waiting = { ...setMaintenance(S1, true), waitsForSessions: true } as const;
    const running = runSteps(socket, [waiting], { ...call, signal: controller.signal });
    await eventually("it waits", () => haproxy.lines.length > 1);
    controller.abort(new Error("stopping"));
    await expect(running).rejects.toThrow("stopping");
    expect(haproxy.lines).not.toContain(waiting.command);
  });
});

describe("an address that HAProxy has said to have changed", () => {
  const HEADER =
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_check_state srv_agent_state srv_fqdn srv_port srv_check_port srv_check_addr srv_agent_addr srv_agent_port";
  const state = (address: string) => `1\n${HEADER}\n2 b 1 s1 ${address} 2 0 10 10 0 0 - 3306 0 - - 0\n\n`;
  const configured = [configuredServer({ address: "10.0.0.2" })];

  test("is looked at until it has (HAProxy 3)", async () => {
    const { haproxy, socket } = await openScripted(() => state(haproxy.lines.length < 4 ? "10.0.0.1" : "10.0.0.2"));
    expect(await compareSettled(socket, configured, call)).toEqual([]);
    expect(haproxy.lines).toHaveLength(4);
  });

  test("and does not is a difference after a moment", async () => {
    const { socket } = await openScripted(() => state("10.0.0.1"));
    const drifts = await compareSettled(socket, configured, call);
    expect(drifts.map(({ says }) => says)).toEqual(["b/s1: HAProxy has 10.0.0.1:3306, the file says 10.0.0.2:3306"]);
  });
});

describe("cutting", () => {
  const SESSION = "0x1: proto=tcpv4 src=1 fe=b be=b srv=s1 ts=00\n\n";

  test("sessions that do not end are an error after a while, and how many they are", async () => {
    const { haproxy, socket } = await openScripted((line) => (line === "show sess" ? SESSION : "\n"));
    await expect(cutSessionsInOldWorker(socket, [S1], hasty)).rejects.toMatchObject({
      code: "E_HAPROXY",
      message: `HAProxy at ${socket.name} still has 1 sessions to replaced servers`,
      hint: expect.stringContaining("kill -TERM"),
    });
    expect(haproxy.lines.length).toBeGreaterThan(4);
    expect(haproxy.lines.length).toBeLessThan(40);
  });

  test("a session that ended by itself, and a worker that ends meanwhile, are as good as cut", async () => {
    const says = [
      "No such session (use 'show sess').\n\n",
      "",
      "Can't find the target PID matching the prefix '@!7'\n",
    ];
    for (const last of says) {
      let hasEnded = false;
      const { socket } = await openScripted((line) => {
        if (line === "show sess") return hasEnded ? "\n" : SESSION;
        hasEnded = true;
        return last;
      });
      expect(await cutSessionsInOldWorker(socket, [S1], call)).toEqual({ sessions: 1, hanging: 0 });
    }
  });

  test("a refusal is an error", async () => {
    const { socket } = await openScripted((line) => {
      if (line === "show sess") return SESSION;
      return line.startsWith("show stat") ? "No such proxy.\n\nOut of memory.\n\n" : "Out of memory.\n\n";
    });
    await expect(cutSessionsInOldWorker(socket, [S1], call)).rejects.toThrow(
      '"shutdown session 0x1" was answered with "Out of memory."',
    );
    await expect(cutSessions(socket, [S1], call)).rejects.toThrow(
      '"shutdown sessions server b/s1" was answered with "Out of memory."',
    );
  });
});

describe("a real HAProxy", () => {
  const config = (level: string) => (place: HaproxyPlace) =>
    `${haproxyHead(place).replace("level admin", `level ${level}`)}backend b\n    server s1 127.0.0.1:9\n`;

  test("that has its socket at level operator changes nothing, and says what it needs", async () => {
    const haproxy = await startHaproxy({ config: config("operator") });
    const socket = openRuntimeSocket(haproxy.socket);
    const denied = {
      code: "E_HAPROXY",
      message: expect.stringContaining('"set server b/s1 weight 2" was answered with "Permission denied"'),
    };
    await expect(socket.ask("set server b/s1 weight 2", call)).rejects.toMatchObject({
      ...denied,
      trouble: "denied",
      hint: expect.stringContaining('"level admin"'),
    });
    await expect(runSteps(socket, [setWeight(S1, 1, 2)], call)).rejects.toMatchObject({
      ...denied,
      hint: expect.stringContaining('"level admin"'),
    });
    await expect(cutSessions(socket, [S1], call)).rejects.toMatchObject({ trouble: "denied" });
    expect((await readServers(socket, call))[0]?.weight).toBe(1);
  });

  test("that does not know a command says so", async () => {
    const haproxy = await startHaproxy({ config: config("admin") });
    const socket = openRuntimeSocket(haproxy.socket);
    await expect(socket.ask("make coffee", call)).rejects.toMatchObject({
      trouble: "unknown-command",
      message: `HAProxy at ${socket.name}: "make coffee" was answered with "Unknown command"`,
    });
  });

  test("that hangs is given up, and answers again when it goes on", async () => {
    const haproxy = await startHaproxy({ config: config("admin") });
    const socket = openRuntimeSocket(haproxy.socket);
    haproxy.pause();
    await eventually("it hangs", async () => {
      return socket.ask("show info", hasty).then(
        () => false,
        (error: { trouble?: string }) => error.trouble === "timeout",
      );
    });
    haproxy.resume();
    expect((await readInfo(socket, call)).pid).toBe(haproxy.pid);
  });

  test("that was started again has forgotten, and is another process", async () => {
    const haproxy = await startHaproxy({ config: config("admin") });
    const socket = openRuntimeSocket(haproxy.socket);
    const before = await readInfo(socket, call);
    await runSteps(socket, [setWeight(S1, 1, 2)], call);
    await haproxy.kill();
    await expect(readInfo(socket, call)).rejects.toMatchObject({ trouble: "unreachable" });
    await haproxy.restart();
    expect((await readInfo(socket, call)).pid).not.toBe(before.pid);
    expect((await readServers(socket, call))[0]?.weight).toBe(1);
  });
});
