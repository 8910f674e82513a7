import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { runProgram, startProgram } from "../support/program.ts";
import { type ScriptedAnswer, startScriptedAgent } from "../support/scripted-agent.ts";
import { tempDir } from "../support/temp-dir.ts";

function ask(...words: readonly string[]) {
  return runProgram("confd-haproxy", ["agent", "ask", ...words]);
}

/** What is printed, without how long it took. */
function timeless(stdout: string): readonly string[] {
  return stdout
    .replaceAll(/\d+(\.\d)? m?s\b/g, "N ms")
    .trimEnd()
    .split("\n");
}

describe("confd-haproxy agent ask", () => {
  test("prints the answer, how long it took, and each word with what HAProxy does with it", async () => {
    const agent = await startScriptedAgent();
    agent.say("75% up\n");
    const { code, stdout, stderr } = await ask(agent.server);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(timeless(stdout)).toEqual([
      `asked     ${agent.server}`,
      "answered  75% up\\n",
      "took      N ms, N ms of it to connect",
      "",
      "75%       weight: 75 % of the configured weight, rounded down: of the default weight, 1, that is 0; not with a static balance",
      "up        the server is up at once (an agent's rise is 1), if its own check, where it has one, finds it up too",
      "shown     L7OK: via agent : up",
    ]);
  });

  test.each(["l/a prod", "l/a prod\\n", "l/a prod\n"])(
    "sends %j with one line end, as HAProxy's agent-send",
    async (words) => {
      const agent = await startScriptedAgent({ awaitsWords: true });
      agent.say("down #lag 35 s\n", "l/a prod");
      const { code, stdout } = await ask(agent.server, "--send", words, "--timeout", "20s");
      expect(code).toBe(0);
      expect(agent.questions).toEqual(["l/a prod"]);
      expect(stdout).toContain(", by l/a prod\\n\n");
      expect(stdout).toMatch(/^down +the server is down at once/m);
      expect(stdout).toMatch(/^#lag 35 s +the reason/m);
    },
  );

  test("asks over a unix socket", async () => {
    const path = join(tempDir("agent"), "agent.sock");
    const agent = await startScriptedAgent({ path });
    agent.say("up\n");
    expect((await ask(`unix:${path}`)).code).toBe(0);
    expect((await ask(path)).code).toBe(0);
  });

  test("asks over IPv6", async () => {
    const port = await freePort("::1");
    const agent = await startScriptedAgent({ address: "::1", port });
    agent.say("up\n");
    expect((await ask(`[::1]:${port}`)).code).toBe(0);
  });

  test.each<[string, ScriptedAnswer, number, RegExp]>([
    ["no opinion", "\n", 0, /^in all +no opinion: nothing changes$/m],
    ["a word that HAProxy does not know", "up foo\n", 1, /^foo +nothing: HAProxy does not know this word/m],
    ["a number that HAProxy does not take", "12.5% up\n", 1, /^12\.5% +nothing: HAProxy warns "Trailing garbage/m],
    ["a line without its end", "up", 1, /^in all +HAProxy ignores it: incomplete line/m],
    ["a close without an answer", "", 1, /^in all +it closed without an answer: HAProxy ignores it \(L7RSP\)/m],
    ["a connection broken off", { pieces: [], end: "reset" }, 1, /^answered +nothing \(ECONNRESET\)$/m],
    ["a line in two pieces", { pieces: ["u", "p\n"] }, 0, /^answered +up\\n$/m],
    ["a line, and the connection kept", { pieces: ["up\n"], end: "hold" }, 0, /^shown +L7OK: via agent : up$/m],
    ["more than a line", "up\nmaint\n", 0, /^in all +what stands behind the first line end is not looked at$/m],
    ["megabytes", "x".repeat(3_000_000), 1, /^answered +x{400}\.\.\. \d+ bytes in all$/m],
  ])("tells of %s", async (_, answer, code, line) => {
    const agent = await startScriptedAgent();
    agent.say(answer);
    const asked = await ask(agent.server, "--timeout", "20s");
    expect(asked).toMatchObject({ code, stderr: "" });
    expect(asked.stdout).toMatch(line);
  });

  test.each<[string, readonly string[], RegExp]>([
    ["silence", [], /^in all +no answer came in time: HAProxy ignores it \(L7TOUT\)/m],
    ["half a line and silence", ["u"], /^shown +L7TOUT$/m],
  ])("does not wait longer than --timeout for the end of %s", async (_, pieces, line) => {
    const agent = await startScriptedAgent();
    agent.say({ pieces, end: "hold" });
    const { code, stdout } = await ask(agent.server, "--timeout", "700ms");
    expect(code).toBe(1);
    expect(stdout).toMatch(line);
  });

  test("lets nothing that an agent says reach the terminal as a command", async () => {
    const agent = await startScriptedAgent();
    agent.say("down #\x1b[31mred\x07\x9b\t\\\n");
    const { stdout } = await ask(agent.server);
    expect(stdout).toMatch(/^answered +down #\\x1b\[31mred\\x07\\x9b\\t\\\\\\n$/m);
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test("says where nobody listens", async () => {
    const address = `${await loopbackPrefix()}.2`;
    const { code, stdout } = await ask(`${address}:9999`);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^answered +nothing \(ECONNREFUSED\)$/m);
    expect(stdout).toMatch(
      /^in all +no connection: HAProxy ignores it \(L4CON\), weight and state stay as they were$/m,
    );
  });

  test("says that an answer later than 2 s is too late for HAProxy as it is by default", async () => {
    const agent = await startScriptedAgent({ answersAfterMs: 2_100 });
    agent.say("up\n");
    const { code, stdout } = await ask(agent.server, "--timeout", "20s");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^in all +too late for HAProxy's default: it waits 2 s/m);
  });

  test("ends at once when it is told to stop", async () => {
    const agent = await startScriptedAgent();
    agent.say({ pieces: [], end: "hold" });
    const program = startProgram("confd-haproxy", ["agent", "ask", agent.server, "--timeout", "1h"]);
    await agent.asked(1);
    program.signal("SIGTERM");
    expect((await program.exited).code).toBe(1);
    expect(program.stderr()).toBe("");
  });

  test.each([
    ["nowhere to ask", [], /^error\[E_USAGE\] missing required argument 'where'\n {2}hint: see/],
    ["two places", ["127.0.0.1:1", "127.0.0.1:2"], /^error\[E_USAGE\] too many arguments: 127.0.0.1:2\n/],
    ["no port", ["127.0.0.1"], /^error\[E_USAGE\] agent ask: "127.0.0.1" is not a server/],
    ["a flag that does not exist", ["127.0.0.1:1", "--sent", "x"], /unknown option '--sent'.*--send/s],
    ["a time that is none", ["127.0.0.1:1", "--timeout", "soon"], /--timeout: "soon" is not a duration/],
  ])("is refused with %s", async (_, words, message) => {
    const { code, stderr, stdout } = await ask(...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  test("explains itself", async () => {
    const { code, stdout } = await ask("--help");
    expect(code).toBe(0);
    expect(stdout).toContain("confd-haproxy agent ask 127.0.0.1:9999 --send mysqlslave/slave3301");
    expect(stdout).toContain("--timeout <TIME>");
  });
});
