import { describe, expect, test } from "vitest";
import { ADMIN, parseInfo, parseServersState } from "../../../src/haproxy/servers-state.ts";
import { parseStat } from "../../../src/haproxy/show-stat.ts";

const HEADER =
  "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port";

/** Recorded from HAProxy 2.6.12. */
const RECORDED = `1
${HEADER}
3 b 1 s1 127.19.1.2 2 0 10 10 0 1 0 2 0 0 0 0 - 7001 - 0 0 - - 0
3 b 2 disabled 127.19.1.3 0 5 1 1 0 1 0 0 14 0 0 0 - 7001 - 0 0 - - 0
3 b 3 ipv6 ::1 2 0 1 1 0 1 0 2 0 0 0 0 - 7001 - 0 0 - - 0
3 b 4 named 127.0.0.1 2 0 1 1 0 1 0 2 0 0 0 0 localhost 7001 - 0 0 - - 0
3 b 6 agent 127.19.1.5 2 0 5 10 0 1 0 2 0 22 0 0 - 7009 - 0 0 - 127.19.1.6 7100
3 b 8 socket - 2 0 1 1 0 1 0 2 0 0 0 0 - 0 - 0 0 - - 0
3 b 11 elsewhere 127.19.1.2 2 8 1 1 0 1 0 2 6 0 0 0 - 7001 - 0 7002 127.19.1.9 127.19.1.9 7002
3 b 12 unchecked 127.19.1.2 0 1 1 1 0 1 0 2 2 18 0 0 - 7001 - 0 0 - 127.19.1.6 7100
5 off 0 s1 127.19.1.2 2 0 10 10 0 1 0 2 0 0 0 0 - 7001 - 0 0 - - 0`;

describe("show servers state", () => {
  const servers = parseServersState(RECORDED, "/s");
  const named = (name: string) => servers.find(({ server }) => server === name);

  test("gives all servers, in HAProxy's order", () => {
    expect(servers.map(({ backend, server }) => `${backend}/${server}`)).toEqual([
      ...["b/s1", "b/disabled", "b/ipv6", "b/named", "b/agent", "b/socket", "b/elsewhere", "b/unchecked", "off/s1"],
    ]);
  });

  test("a plain server is whole", () => {
    expect(servers[0]).toEqual({
      backend: "b",
      server: "s1",
      address: "127.19.1.2",
      port: 7001,
      weight: 10,
      initialWeight: 10,
      operState: 2,
      adminState: 0,
      hasCheck: false,
      hasAgent: false,
      isChecked: false,
      isAgentChecked: false,
      checkAddress: undefined,
      checkPort: 0,
      agentAddress: undefined,
      agentPort: 0,
      fqdn: undefined,
    });
  });

  test.each([
    [
      "disabled",
      { operState: 0, adminState: ADMIN.forcedMaint | ADMIN.configuredMaint, hasCheck: true, isChecked: true },
    ],
    ["ipv6", { address: "::1", port: 7001 }],
    ["named", { address: "127.0.0.1", fqdn: "localhost" }],
    [
      "agent",
      {
        weight: 5,
        initialWeight: 10,
        hasAgent: true,
        isAgentChecked: true,
        hasCheck: false,
        agentAddress: "127.19.1.6",
        agentPort: 7100,
      },
    ],
    ["socket", { address: undefined, port: 0 }],
    ["elsewhere", { adminState: ADMIN.forcedDrain, checkAddress: "127.19.1.9", checkPort: 7002 }],
    ["unchecked", { hasCheck: true, isChecked: false, hasAgent: true, isAgentChecked: false }],
  ] as const)("%s", (name, expected) => {
    expect(named(name)).toMatchObject(expected);
  });

  test("columns are found by their names, also when others come between", () => {
    const text = `1\n${HEADER.replace("be_name", "new be_name")}\n3 7 b 1 s1 10.0.0.1 2 0 10 10 0 1 0 2 0 0 0 0 - 7001 - 0 0 - - 0`;
    expect(parseServersState(text, "/s")).toMatchObject([
      { backend: "b", server: "s1", address: "10.0.0.1", port: 7001 },
    ]);
  });

  test("no server at all is none", () => {
    expect(parseServersState(`1\n${HEADER}`, "/s")).toEqual([]);
  });

  test.each([
    ["another version", RECORDED.replace(/^1/, "2"), /is not its version 1: "2 /],
    ["a refusal", "Can't find backend.", /is not its version 1: "Can't find backend\."/],
    ["nothing", "", /is not its version 1: ""/],
    ["no header", "1", /is not its version 1/],
    ["a column that is not there", RECORDED.replace("srv_uweight", "srv_other"), /has no column "srv_uweight"/],
    ["half a line", RECORDED.slice(0, -20), /a line nobody can read: "5 off 0 s1/],
    ["a number that is none", RECORDED.replace("7009 -", "x -"), /a line nobody can read: "3 b 6 agent/],
  ] as const)("%s is an error", (_, text, message) => {
    expect(() => parseServersState(text, "/s")).toThrow(message);
    expect(() => parseServersState(text, "/s")).toThrow(/^HAProxy at \/s: "show servers state"/);
  });
});

describe("show info", () => {
  const INFO = `Name: HAProxy
Version: 2.6.12-1+deb12u4
Release_date: 2026/10/17
Pid: 639
Uptime: 0d 0h13m36s
Uptime_sec: 816
CurrConns: 3
node: a: b
Stopping: 0`;

  test("tells who answers", () => {
    expect(parseInfo(INFO, "/s")).toEqual({
      version: { version: [2, 6] },
      release: "2.6.12-1+deb12u4",
      pid: 639,
      uptimeMs: 816_000,
      isStopping: false,
      connections: 3,
    });
  });

  test("an old worker is stopping", () => {
    expect(parseInfo(INFO.replace("Stopping: 0", "Stopping: 1"), "/s").isStopping).toBe(true);
  });

  test.each([
    ["nothing", ""],
    ["no version", INFO.replace("2.6.12", "x")],
    ["no pid", INFO.replace("Pid: 639\n", "")],
    ["another program's words", "HTTP/1.1 400 Bad Request"],
  ] as const)("%s is an error", (_, text) => {
    expect(() => parseInfo(text, "/s")).toThrow(/^HAProxy at \/s: "show info" was answered with/);
  });
});

describe("show stat", () => {
  const STAT = `# pxname,svname,status,agent_desc,\nl,FRONTEND,OPEN,,\nl,s1,DOWN (agent),"lag, ""35"" s",`;

  test("gives cells by their columns, also quoted ones and those it has not", () => {
    const [frontend, server] = parseStat(STAT, "/s");
    expect([frontend?.("pxname"), frontend?.("svname"), frontend?.("status")]).toEqual(["l", "FRONTEND", "OPEN"]);
    expect([server?.("status"), server?.("agent_desc"), server?.("srid")]).toEqual(["DOWN (agent)", 'lag, "35" s', ""]);
  });

  test.each([
    ["a refusal", "No such proxy.", /was answered with "No such proxy\."/],
    ["nothing", "", /was answered with ""/],
    ["half a line", STAT.slice(0, -30), /a line nobody can read/],
  ] as const)("%s is an error", (_, text, message) => {
    expect(() => parseStat(text, "/s")).toThrow(message);
  });
});
