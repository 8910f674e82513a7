import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { confdirStage } from "../support/confdir.ts";
import { eventually } from "../support/eventually.ts";
import { launch } from "../support/launch.ts";
import { startProgram } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

let socket: string;
let words: () => string;

/** Part of every Debian; socat would hold on to the descriptor by which systemd-notify waits for its words to be read. */
const RECEIVER = `use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0]));
while (defined recv(S, $word, 65536, 0)) { syswrite STDOUT, "$word\n" }`;

/** What systemd does: a datagram socket, and who writes to it is told in NOTIFY_SOCKET (sd_notify(3)). */
beforeEach(async () => {
  socket = join(tempDir(), "notify");
  const receiver = launch("perl", ["-e", RECEIVER, socket]);
  words = receiver.stdout;
  await eventually("the socket is there", () => existsSync(socket));
});

test("READY comes only after the first pass succeeded, STATUS says why not yet, STOPPING comes at the end", async () => {
  const stage = confdirStage(
    { a: { template: '{{getv "/app/name"}}\n', toml: 'check_cmd = "grep -q good {{src}}"' } },
    { "app/name": "bad" },
  );
  const render = startProgram("render", ["--watch", ...stage.args], { NOTIFY_SOCKET: socket });
  await eventually("the status tells what is wrong", () =>
    words().includes("STATUS=0 of 1 resources current; a failed"),
  );
  expect(words()).not.toContain("READY=1");
  writeFileSync(stage.document, JSON.stringify({ "app/name": "good" }));
  await eventually("it is ready", () => words().includes("READY=1"));
  await eventually("and says so", () => words().includes("STATUS=1 of 1 resources current"));
  await render.stop();
  expect(words()).toContain("STOPPING=1");
});

test("WATCHDOG comes while the loop turns, and not while a command holds it up", async () => {
  const dir = tempDir();
  const hold = join(dir, "hold");
  const toml = `check_cmd = "while test -e ${hold}; do sleep 0.05; done"`;
  const stage = confdirStage({ a: { template: '{{getv "/app/name"}}\n', toml } }, { "app/name": "one" });
  startProgram("render", ["--watch", ...stage.args], { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "400000" });
  const ticks = () => words().split("WATCHDOG=1").length - 1;
  await eventually("it ticks", () => ticks() >= 3);
  writeFileSync(hold, "");
  writeFileSync(stage.document, JSON.stringify({ "app/name": "two" }));
  await eventually("the check command holds the loop up", () => {
    // a tick may still be on its way when the command begins
    const before = ticks();
    return new Promise((resolve) => setTimeout(() => resolve(ticks() === before), 700));
  });
  const before = ticks();
  rmSync(hold);
  await eventually("it ticks again", () => ticks() > before);
});
