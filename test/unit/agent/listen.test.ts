import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { AgentBind } from "../../../src/agent/binds.ts";
import { bindName, listen } from "../../../src/agent/listen.ts";
import { abandonedSocket } from "../../support/abandoned-socket.ts";
import { askOnce } from "../../support/agent-client.ts";
import { hasIpv6 } from "../../support/ipv6.ts";
import { freePort, loopbackPrefix } from "../../support/loopback.ts";
import { releaseLater } from "../../support/releases.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** Says `here` to everybody, until the test ends. */
async function open(bind: AgentBind): Promise<Server> {
  const server = await listen(bind, (socket) => {
    // who only looks whether somebody is there breaks off
    socket.on("error", () => socket.destroy());
    socket.resume().end("here\n");
  });
  releaseLater("server", () => void server.close());
  return server;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

describe("it is listened", () => {
  test("on an IPv4 address, and on no other", async () => {
    const prefix = await loopbackPrefix();
    await open({ host: `${prefix}.2`, port: 21_960 });
    expect(await askOnce({ host: `${prefix}.2`, port: 21_960 }, "")).toBe("here\n");
    await expect(askOnce({ host: `${prefix}.3`, port: 21_960 }, "")).rejects.toThrow("ECONNREFUSED");
  });

  test.skipIf(!hasIpv6())("on an IPv6 address, and on no IPv4 one", async () => {
    const port = await freePort("::1");
    await open({ host: "::1", port });
    expect(await askOnce({ host: "::1", port }, "")).toBe("here\n");
    await expect(askOnce({ host: "127.0.0.1", port }, "")).rejects.toThrow("ECONNREFUSED");
  });

  test.skipIf(!hasIpv6())("on all interfaces: IPv6 and IPv4", async () => {
    const port = await freePort("::");
    await open({ host: "*", port });
    const host = `${await loopbackPrefix()}.2`;
    expect(await askOnce({ host: "::1", port }, "")).toBe("here\n");
    expect(await askOnce({ host, port }, "")).toBe("here\n");
  });

  test("on a unix socket that every user can connect to, and that is gone when it is closed", async () => {
    const path = join(tempDir(), "agent.sock");
    const server = await open({ path });
    expect(await askOnce({ path }, "")).toBe("here\n");
    expect(statSync(path).mode & 0o777).toBe(0o666);
    await closed(server);
    expect(existsSync(path)).toBe(false);
  });
});

describe("in the place of the socket", () => {
  test("one that a killed process left is replaced", async () => {
    const path = join(tempDir(), "agent.sock");
    await abandonedSocket(path);
    await open({ path });
    expect(await askOnce({ path }, "")).toBe("here\n");
  });

  test("one that somebody listens on stays, and it is said that it is in use", async () => {
    const path = join(tempDir(), "agent.sock");
    await open({ path });
    await expect(open({ path })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: `--agent-bind: unix:${path} is in use by another program`,
    });
    expect(await askOnce({ path }, "")).toBe("here\n");
  });

  test.each<[string, (path: string) => void, (path: string) => boolean]>([
    ["a plain file", (path) => writeFileSync(path, "global\n"), (path) => readFileSync(path, "utf8") === "global\n"],
    ["an empty file", (path) => writeFileSync(path, ""), (path) => lstatSync(path).isFile()],
    ["a folder", (path) => void mkdirSync(path), (path) => lstatSync(path).isDirectory()],
    ["a link to nowhere", (path) => symlinkSync("nowhere", path), (path) => lstatSync(path).isSymbolicLink()],
  ])("%s is never removed, and is named", async (_, make, isThere) => {
    const path = join(tempDir(), "agent.sock");
    make(path);
    await expect(open({ path })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: `--agent-bind: ${path} is there already, and is no socket`,
    });
    expect(isThere(path)).toBe(true);
  });

  test("a link to an abandoned socket stays, and so does the socket", async () => {
    const folder = tempDir();
    await abandonedSocket(join(folder, "other.sock"));
    symlinkSync("other.sock", join(folder, "agent.sock"));
    await expect(open({ path: join(folder, "agent.sock") })).rejects.toMatchObject({ code: "E_CONFIG" });
    expect(lstatSync(join(folder, "agent.sock")).isSymbolicLink()).toBe(true);
    expect(lstatSync(join(folder, "other.sock")).isSocket()).toBe(true);
  });
});

describe("what the machine refuses is told with the flag and the place:", () => {
  test("a port in use", async () => {
    const host = `${await loopbackPrefix()}.2`;
    await open({ host, port: 21_960 });
    await expect(open({ host, port: 21_960 })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: `--agent-port: ${host}:21960 is in use by another program`,
      hint: expect.stringContaining("ss -ltnp sport = :21960"),
    });
  });

  test("an address of another machine", async () => {
    await expect(open({ host: "192.0.2.1", port: 21_960 })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: "--agent-bind: 192.0.2.1:21960 is not an address of this machine",
    });
  });

  test("a name that nobody knows, with what the system says", async () => {
    await expect(open({ host: "nobody.invalid", port: 21_960 })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: "--agent-port: cannot listen on nobody.invalid:21960",
      cause: expect.objectContaining({ syscall: "getaddrinfo" }),
    });
  });

  test("a folder that is not there", async () => {
    const path = join(tempDir(), "missing", "agent.sock");
    await expect(open({ path })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: `--agent-bind: not allowed to listen on unix:${path}`,
      hint: "choose a folder that is there and can be written",
    });
  });
});

test.each<[AgentBind, string]>([
  [{ host: "127.0.0.1", port: 9999 }, "127.0.0.1:9999"],
  [{ host: "::1", port: 9999 }, "[::1]:9999"],
  [{ path: "/run/agent.sock" }, "unix:/run/agent.sock"],
])("%j is called %s", (bind, name) => {
  expect(bindName(bind)).toBe(name);
});
