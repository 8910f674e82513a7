import { once } from "node:events";
import { symlinkSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { abandonedSocket } from "../support/abandoned-socket.ts";
import { eventually } from "../support/eventually.ts";
import type { Launched } from "../support/launch.ts";
import { untilLogged } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import { memcachedThatSays, type RenderStage, renderStage } from "../support/render-stage.ts";
import { tempDir } from "../support/temp-dir.ts";

/** What the resource names, and what is to be found there. */
interface Sockets {
  readonly socket: string;
  readonly masterSocket: string;
  /** More of haproxy.cfg. */
  readonly tail?: string;
  /** Puts something there, once HAProxy runs. */
  place(stage: RenderStage): Promise<void> | void;
}

/** A stage whose `[haproxy]` names these sockets; `render --watch` has brought the first server into HAProxy. */
async function serving(sockets: Sockets, haproxy = "") {
  const table = `[haproxy]\nsocket = "${sockets.socket}"\nmaster_socket = "${sockets.masterSocket}"\n${haproxy}`;
  const stage = await renderStage({
    resource: table,
    ...(sockets.tail === undefined ? {} : { tail: sockets.tail }),
  });
  await sockets.place(stage);
  const [one, two] = [await memcachedThatSays("one"), await memcachedThatSays("two")];
  await stage.publish(one);
  const render = stage.start();
  await untilAnswers(stage, "one");
  await untilReloaded(render, 1);
  return { stage, one, two, render };
}

function untilAnswers(stage: RenderStage, word: string): Promise<unknown> {
  return eventually(`a client reaches ${word}`, async () => (await stage.answer()) === word);
}

/** Counts log lines, so that a change is not taken for the one before. */
function untilReloaded(render: Launched, times: number): Promise<void> {
  return untilLogged(render, new RegExp(`(?:reloaded[\\s\\S]*){${times}}`));
}

/** Sockets in a folder of their own, where nothing is at first. */
function nowhere() {
  const dir = tempDir("sockets");
  return { socket: join(dir, "admin.sock"), masterSocket: join(dir, "master.sock") };
}

async function silentSocket(path: string): Promise<void> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
    socket.resume();
  });
  server.listen(path);
  await once(server, "listening");
  releaseLater("a silent socket", () => {
    for (const socket of open) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

describe("a runtime socket", () => {
  const withMaster = (sockets: Sockets): Sockets => ({
    ...sockets,
    async place(stage) {
      symlinkSync(stage.haproxy.masterSocket, sockets.masterSocket);
      await sockets.place(stage);
    },
  });
  test.each<[string, RegExp, () => Sockets]>([
    ["that is not there", /there is no such socket \(ENOENT\)/, () => ({ ...nowhere(), place: () => {} })],
    [
      "that answers nothing",
      /was not answered within \d+ ms/,
      () => {
        const sockets = nowhere();
        return { ...sockets, place: () => silentSocket(sockets.socket) };
      },
    ],
    [
      "that is the master's",
      /"show info" was answered with "Unknown command"/,
      () => {
        const sockets = nowhere();
        return { ...sockets, place: (stage) => symlinkSync(stage.haproxy.masterSocket, sockets.socket) };
      },
    ],
  ])("%s: each change is one reload, and it is said why", { timeout: 60_000 }, async (_, says, sockets) => {
    const { stage, two, render } = await serving(withMaster(sockets()));
    const logged = render.stderr().length;
    await stage.publish(two);
    await untilAnswers(stage, "two");
    await untilLogged(render, new RegExp(`reload, because: .*${says.source}`), logged);
    await untilReloaded(render, 2);
    await untilLogged(render, /what runs cannot be compared/);
    expect(stage.reloadCount()).toBe(2);
    expect(render.stderr()).not.toContain("in force without reload");
  });

  test("at level operator: each change is one reload, and it is said what is missing", async () => {
    const sockets = nowhere();
    const { stage, one, two, render } = await serving({
      ...sockets,
      tail: `global\n    stats socket ${sockets.socket} mode 600 level operator\n`,
      place: (stage) => symlinkSync(stage.haproxy.masterSocket, sockets.masterSocket),
    });
    for (const [host, word, reloads] of [
      [two, "two", 2],
      [one, "one", 3],
    ] as const) {
      const logged = render.stderr().length;
      await stage.publish(host);
      await untilAnswers(stage, word);
      await untilLogged(render, /reload, because: .*was answered with "Permission denied" .*level admin/, logged);
      await untilReloaded(render, reloads);
    }
    expect(stage.reloadCount()).toBe(3);
    expect(render.stderr()).not.toContain("in force without reload");
  });
});

describe("a master's socket", () => {
  const isNone = /warn .* is no master's socket.*master_socket is the path behind -S/;

  test.each<
    [string, RegExp, string, (stage: RenderStage, sockets: ReturnType<typeof nowhere>) => Promise<void> | void]
  >([
    ["that is not there", /reloaded/, "", () => {}],
    ["on which nobody listens", /reloaded/, "", (_, { masterSocket }) => abandonedSocket(masterSocket)],
    ["that is the worker's", isNone, "", (stage, { masterSocket }) => symlinkSync(stage.haproxy.socket, masterSocket)],
    [
      "that is the worker's, where sessions are to be ended",
      isNone,
      'on_replace = "shutdown-sessions"\nmax_old_workers = 1',
      (stage, { masterSocket }) => symlinkSync(stage.haproxy.socket, masterSocket),
    ],
  ])("%s: things go on as without", { timeout: 60_000 }, async (_, says, haproxy, place) => {
    const sockets = nowhere();
    const { stage, two, one, render } = await serving(
      {
        ...sockets,
        async place(stage) {
          symlinkSync(stage.haproxy.socket, sockets.socket);
          await place(stage, sockets);
        },
      },
      haproxy,
    );
    await stage.publish(two);
    await untilAnswers(stage, "two");
    await untilLogged(render, /in force without reload/);
    await stage.publish(one, "mem2", 21_612);
    await untilReloaded(render, 2);
    await stage.publish(one);
    await untilAnswers(stage, "one");
    await untilLogged(render, /in force without reload[\s\S]*in force without reload/);
    await untilLogged(render, says);
    expect(stage.reloadCount()).toBe(2);
  });
});
