import { renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { askAgent } from "../../src/agent/ask.ts";
import { openNotes } from "../../src/agent/notes.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";

const SERVERS = Array.from({ length: 60 }, (_, i) => `10.0.0.${i + 1}:3306`);
const PORT = 21_999;

/** Finds every server as the file says. */
const PLUGIN = `import { readFileSync } from "node:fs";

export const checker = {
  kind: "decided",
  summary: "whatever the test decides",
  proxyportOffset: 1,
  options: [
    { name: "server", type: "targets", required: true, description: "servers" },
    { name: "decision", type: "string", required: true, description: "file" },
  ],
  create: ({ server, decision }) => ({
    discover: async () => server,
    open: () => ({
      check: async () => ({ state: readFileSync(decision, "utf8"), reason: "as decided" }),
      async close() {},
    }),
    async close() {},
  }),
};
`;

async function setUp() {
  const host = `${await loopbackPrefix()}.1`;
  const dir = folderWith({ "decided.mjs": PLUGIN });
  const file = join(dir, "decision");
  const kind = ["decided", "--plugin", join(dir, "decided.mjs"), "--decision", file, "--tag", "db"];
  const agent = ["--agent-port", `${PORT}`, "--agent-bind", host, "--state-dir", join(dir, "state")];
  const how = ["--interval", "50ms", "--timeout", "5s", "--fall", "1", "--manual-recovery"];
  const ask = async (server: string) => {
    const question = { to: { host, port: PORT }, send: `decided/db/${server}\n`, timeoutMs: 10_000 };
    return (await askAgent({ ...question, clock: systemClock, signal: new AbortController().signal })).bytes;
  };
  const launch = (...more: readonly string[]) =>
    startProgram("checkers", [...kind, "--server", SERVERS.join(), ...agent, ...how, ...more]);
  const notes = () => openNotes(join(dir, "state", "agent"));
  return {
    decide(state: "up" | "down") {
      writeFileSync(`${file}.new`, state);
      renameSync(`${file}.new`, file);
    },
    launch,
    async start(...more: readonly string[]) {
      const program = launch(...more);
      await untilLogged(program, /the agent port is open/);
      return program;
    },
    ask,
    untilEachSays: (line: string) =>
      eventually(`each server is ${line}`, async () => {
        for (const server of SERVERS) if ((await ask(server)) !== line) return false;
        return true;
      }),
    recover: () => runProgram("confd-haproxy", ["agent", "recover", "decided/db", "--state-dir", join(dir, "state")]),
    notePath: () => notes().path("held decided/db"),
    held: () => Object.keys((notes().get("held decided/db") as object | undefined) ?? {}),
  };
}

describe("an agent with --manual-recovery that is killed while servers go down", () => {
  test.each([1, 20, 45])("has on disk whomever it has told to be held, once it told of %i", async (enough) => {
    const { decide, start, ask, held, untilEachSays } = await setUp();
    decide("up");
    const program = await start();
    await untilEachSays("up\n");
    const told = new Set<string>();
    decide("down");
    for (let i = 0; told.size < enough; i = (i + 1) % SERVERS.length) {
      const server = SERVERS[i] ?? "";
      if ((await ask(server)).includes("held until somebody says recover")) told.add(server);
    }
    await program.kill();
    const onDisk = held();
    expect([...told].filter((server) => !onDisk.includes(server))).toEqual([]);
    decide("up");
    await start();
    for (const server of told) {
      await eventually(`${server} is held`, async () =>
        (await ask(server)).includes("held until somebody says recover"),
      );
    }
  });

  test("lets all go by --recover, which a kill does not undo", async () => {
    const { decide, start, held, untilEachSays } = await setUp();
    decide("down");
    const first = await start();
    await untilEachSays("down #as decided; held until somebody says recover\n");
    expect(held()).toHaveLength(SERVERS.length);
    await first.kill();
    decide("up");
    const second = await start("--recover");
    await untilEachSays("up\n");
    await second.kill();
    expect(held()).toEqual([]);
    await start();
    await untilEachSays("up\n");
  });

  test("hears at its start what was said by agent recover while it did not run", async () => {
    const { decide, start, recover, untilEachSays } = await setUp();
    decide("down");
    const first = await start();
    await untilEachSays("down #as decided; held until somebody says recover\n");
    await first.kill();
    decide("up");
    expect(await recover()).toMatchObject({ code: 0 });
    await start();
    await untilEachSays("up\n");
  });

  test("does not start over a note that is damaged, and says which it is", async () => {
    const { decide, start, launch, held, notePath } = await setUp();
    decide("down");
    const first = await start();
    await eventually("somebody is held", () => held().length > 0);
    await first.kill();
    truncateSync(notePath(), 10);
    const second = launch();
    expect((await second.exited).code).toBe(1);
    expect(second.stderr()).toContain(`error[E_FILE] ${notePath()} is damaged`);
  });
});
