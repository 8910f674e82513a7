import { type AddressInfo, createServer, type Server as NetServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { ask } from "../../src/check/probe.ts";
import type { Probe } from "../../src/core/checker.ts";
import type { Target } from "../../src/core/targets.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { releaseLater } from "../support/releases.ts";
import type { Server } from "../support/server.ts";

/** What a kind brings along to be tested. */
export interface CheckerUnderTest {
  open(target: Target): Probe;
  /** A real server that a check finds up. */
  start(): Promise<Server>;
  /** The first bytes of a right answer, for the server that goes on too slowly. */
  readonly beginning: Buffer;
  /** Set for a protocol in which the client waits for a greeting. */
  readonly serverSpeaksFirst?: true;
  /** Before the reason of what the network says, for a kind that asks several: `the server: `. */
  readonly who?: string;
  /** What nobody takes for an answer; an answer of HTTP by default. */
  readonly somethingElse?: string;
}

/** Far more than a server on this machine needs, and far less than a test may take. */
const PATIENCE_MS = 5_000;

/** The deadline where it is meant to pass. */
const SHORT_MS = 150;

/** What every probe must be able to do; each kind calls it once, in a test file of its own. */
export function checkerContract(kind: string, make: CheckerUnderTest): void {
  const never = new AbortController().signal;
  const { who = "" } = make;

  function open(target: Target): Probe {
    const probe = make.open(target);
    releaseLater(`probe of ${kind}`, () => probe.close());
    return probe;
  }

  const startScripted = (answer: (socket: Socket) => void) => scriptedServer(answer, make.serverSpeaksFirst === true);

  describe(`a probe of ${kind}`, () => {
    test("finds a real server up, again and again", async () => {
      const probe = open(targetOf(await make.start()));
      for (let round = 0; round < 20; round++) {
        expect(await ask(probe, PATIENCE_MS, never)).toMatchObject({ state: "up" });
      }
    });

    test("finds a server that refuses down, and says so", async () => {
      const probe = open({ host: `${await loopbackPrefix()}.2`, port: 21_999 });
      expect(await ask(probe, PATIENCE_MS, never)).toEqual({
        state: "down",
        reason: `${who}connection refused`,
      });
    });

    test("finds a server that hangs down, and up again when it goes on", async () => {
      const server = await make.start();
      const probe = open(targetOf(server));
      expect(await ask(probe, PATIENCE_MS, never)).toMatchObject({ state: "up" });
      server.pause();
      const silence = { state: "down", reason: `${who}no answer within ${SHORT_MS} ms` };
      // The signal takes a moment to stop it.
      await eventually("it hangs", async () => (await ask(probe, SHORT_MS, never)).state === "down");
      expect(await ask(probe, SHORT_MS, never)).toEqual(silence);
      server.resume();
      expect(await ask(probe, PATIENCE_MS, never)).toMatchObject({ state: "up" });
    });

    test("finds a server up that was restarted meanwhile", async () => {
      const server = await make.start();
      const probe = open(targetOf(server));
      await ask(probe, PATIENCE_MS, never);
      await server.restart();
      await eventually("it is up", async () => (await ask(probe, PATIENCE_MS, never)).state === "up");
    });

    test("tells at once when its connection is lost, without being asked", async () => {
      const server = await make.start();
      const probe = open(targetOf(server));
      const reasons: string[] = [];
      probe.onLost?.((reason) => reasons.push(reason));
      await ask(probe, PATIENCE_MS, never);
      await server.kill();
      await eventually("the loss is told", () => reasons.length > 0);
      expect(reasons).toHaveLength(1);
      expect(await ask(probe, PATIENCE_MS, never)).toMatchObject({ state: "down" });
    });

    test("finds a server that answers something else down, before the deadline", async () => {
      const { somethingElse = "HTTP/1.1 400 Bad Request\r\n\r\n" } = make;
      const { target } = await startScripted((socket) => socket.write(somethingElse));
      const verdict = await ask(open(target), PATIENCE_MS, never);
      expect(verdict.state).toBe("down");
      expect(verdict.reason).not.toContain("no answer within");
    });

    test("finds a server that closes at once down, before the deadline", async () => {
      const { target } = await startScripted((socket) => socket.end());
      const verdict = await ask(open(target), PATIENCE_MS, never);
      expect(verdict.state).toBe("down");
      expect(verdict.reason).not.toContain("no answer within");
    });

    test("does not wait longer for a server that answers byte by byte", async () => {
      const { target } = await startScripted((socket) => drip(socket, make.beginning));
      expect(await ask(open(target), SHORT_MS, never)).toEqual({
        state: "down",
        reason: `${who}no answer within ${SHORT_MS} ms`,
      });
    });

    test("gives up at once when it is told to, and leaves no connection", async () => {
      const { target, connections } = await startScripted(() => {});
      const controller = new AbortController();
      const reason = new Error("enough");
      const asked = open(target).check({ signal: controller.signal, timeoutMs: PATIENCE_MS });
      await eventually("it is connected", () => connections.size > 0);
      controller.abort(reason);
      await expect(asked).rejects.toBe(reason);
      await eventually("the connection is gone", () => connections.size === 0);
    });

    test("does not begin when it was told to stop before", async () => {
      const reason = new Error("enough");
      const { target } = await startScripted(() => {});
      const asked = open(target).check({ signal: AbortSignal.abort(reason), timeoutMs: PATIENCE_MS });
      await expect(asked).rejects.toBe(reason);
    });

    test("leaves no connection behind for each time that nobody answered", async () => {
      const { target, connections } = await startScripted(() => {});
      const probe = open(target);
      for (let round = 0; round < 5; round++) await ask(probe, 30, never);
      await eventually("none is open", () => connections.size === 0);
    });

    test("is closed as often as one likes, and its connection with it", async () => {
      const { target, connections } = await startScripted((socket) => drip(socket, make.beginning));
      const probe = make.open(target);
      let lost = 0;
      probe.onLost?.(() => {
        lost += 1;
      });
      const asked = ask(probe, PATIENCE_MS, never);
      await eventually("it is connected", () => connections.size > 0);
      await probe.close();
      await probe.close();
      expect((await asked).reason).not.toContain("no answer within");
      await eventually("the connection is gone", () => connections.size === 0);
      expect(lost).toBe(0);
    });
  });
}

function targetOf(server: Server): Target {
  return { host: server.address, port: server.port };
}

interface Scripted {
  readonly target: Target;
  /** Those that are open. */
  readonly connections: Set<Socket>;
}

/** A server that does `answer` as soon as it is asked anything, or at once. */
async function scriptedServer(answer: (socket: Socket) => void, speaksFirst: boolean): Promise<Scripted> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => connections.delete(socket));
    if (speaksFirst) answer(socket);
    else socket.once("data", () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  releaseLater("scripted server", () => closeAll(server, connections));
  return { target: { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, connections };
}

function closeAll(server: NetServer, connections: Set<Socket>): Promise<void> {
  for (const socket of connections) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** A byte each 20 ms, the last one again and again: never a whole answer within the deadline. */
function drip(socket: Socket, bytes: Buffer): void {
  let at = 0;
  const timer = setInterval(() => {
    socket.write(bytes.subarray(at, at + 1));
    at = Math.min(at + 1, bytes.length - 1);
  }, 20);
  socket.on("close", () => clearInterval(timer));
}
