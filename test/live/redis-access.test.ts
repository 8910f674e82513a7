import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { OptionValues } from "../../src/core/option.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { type Redis, startRedis, startSentinel } from "../support/redis.ts";
import { startAsking, valuesFor } from "../support/redis-checker.ts";
import type { Server } from "../support/server.ts";
import { tempDir } from "../support/temp-dir.ts";

const SECRET = "t0p-s3cret";

function asks(server: Server, more: OptionValues = {}) {
  return startAsking({ ...valuesFor([server]), ...more }).verdict(server);
}

describe("a server with a password", () => {
  test("is up for who knows it, and for nobody else: without it nobody can tell", async () => {
    const server = await startRedis({ password: SECRET });
    expect(await asks(server, { password: SECRET })).toMatchObject({ state: "up" });
    expect(await asks(server)).toEqual({ state: "unknown", reason: "wants a password (NOAUTH)" });
    const refused = { state: "unknown", reason: "refuses the user or the password (WRONGPASS)" };
    expect(await asks(server, { password: `${SECRET}!` })).toEqual(refused);
    expect(await asks(server, { user: "nobody", password: SECRET })).toEqual(refused);
  });

  test("is asked with the password that stands in the file when the connection is made", async () => {
    const server = await startRedis({ password: SECRET });
    const file = join(tempDir("password"), "password");
    const asking = startAsking({ ...valuesFor([server]), "password-file": file });
    expect(await asking.verdict(server)).toEqual({ state: "unknown", reason: "cannot read --password-file (ENOENT)" });
    writeFileSync(file, "");
    expect((await asking.verdict(server)).reason).toBe("--password-file is empty");
    writeFileSync(file, "wrong\n");
    expect((await asking.verdict(server)).reason).toContain("WRONGPASS");
    writeFileSync(file, `${SECRET}\nwhatever stands below\n`);
    expect((await asking.verdict(server)).state).toBe("up");
    // The connection is kept: what the file holds by now matters only for the next one.
    writeFileSync(file, "wrong\n");
    expect((await asking.verdict(server)).state).toBe("up");
    await server.command("CLIENT", "KILL", "TYPE", "normal");
    await eventually("the next one is refused", async () =>
      (await asking.verdict(server)).reason.includes("WRONGPASS"),
    );
  });

  test("lets in a user who may run PING and ROLE and nothing else, and one who may not run ROLE is told so", async () => {
    const server = await startRedis({ password: SECRET });
    await server.command("ACL", "SETUSER", "checker", "on", `>${SECRET}2`, "-@all", "+ping", "+role");
    const login = { user: "checker", password: `${SECRET}2` };
    expect(await asks(server, login)).toMatchObject({ state: "up" });
    await server.command("ACL", "SETUSER", "checker", "-role");
    const denied = { state: "unknown", reason: "does not let this user run ROLE (NOPERM): ACL SETUSER <user> +role" };
    expect(await asks(server, login)).toEqual(denied);
    await server.command("ACL", "SETUSER", "checker", "-ping", "+role");
    expect(await asks(server, login)).toEqual({
      ...denied,
      reason: "does not let this user run PING (NOPERM): ACL SETUSER <user> +ping",
    });
  });
});

test("a password for a server that has none does no harm", async () => {
  expect(await asks(await startRedis(), { password: SECRET })).toMatchObject({ state: "up" });
});

describe("a Sentinel with a password", () => {
  async function startGuarded(): Promise<{ readonly master: Redis; readonly sentinel: Redis }> {
    const prefix = await loopbackPrefix();
    const master = await startRedis({ address: `${prefix}.2` });
    const sentinel = await startSentinel({ address: `${prefix}.11`, master, quorum: 1 });
    const commands = ["+sentinel|get-master-addr-by-name", "+sentinel|master", "+sentinel|replicas", "+subscribe"];
    await sentinel.command(
      "ACL",
      "SETUSER",
      "checker",
      "on",
      `>${SECRET}`,
      "-@all",
      "+ping",
      ...commands,
      "resetchannels",
      "&+switch-master",
    );
    await sentinel.command("ACL", "SETUSER", "default", "resetpass");
    return { master, sentinel };
  }

  test("is asked and listened to by a user with the least rights", async () => {
    const { master, sentinel } = await startGuarded();
    const login = { "sentinel-user": "checker", "sentinel-password": SECRET };
    const asking = startAsking({ ...valuesFor([], [sentinel]), ...login });
    expect(await asking.verdict(master)).toMatchObject({ state: "up" });
    await asking.verdict(master);
    expect(asking.messages()).toEqual([]);
  });

  test("that lets nobody in is told, without the password", async () => {
    const { master, sentinel } = await startGuarded();
    for (const [login, why] of [
      [{}, "wants a password (NOAUTH)"],
      [{ "sentinel-password": "wrong" }, "refuses the user or the password (WRONGPASS)"],
    ] as const) {
      const asking = startAsking({ ...valuesFor([], [sentinel]), ...login });
      expect((await asking.verdict(master)).reason).toBe(
        "says that it is the master, but the only Sentinel does not answer",
      );
      expect(asking.messages()).toEqual([`redismaster r1: Sentinel ${sentinel.server} cannot be asked (${why})`]);
    }
  });

  test("that lets itself be asked, but not listened to, is told once", async () => {
    const prefix = await loopbackPrefix();
    const master = await startRedis({ address: `${prefix}.2` });
    const sentinel = await startSentinel({ address: `${prefix}.11`, master, quorum: 1 });
    await sentinel.command("ACL", "SETUSER", "default", "-subscribe");
    const asking = startAsking(valuesFor([], [sentinel]));
    await eventually("it is told", async () => {
      expect(await asking.verdict(master)).toMatchObject({ state: "up" });
      return asking.messages().length > 0;
    });
    expect(asking.messages()).toEqual([
      `redismaster r1: cannot listen to Sentinel ${sentinel.server} (does not let this user run SUBSCRIBE (NOPERM): ACL SETUSER <user> +subscribe &+switch-master): it is only asked, each --interval`,
    ]);
  });
});
