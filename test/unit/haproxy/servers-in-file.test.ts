import { describe, expect, test } from "vitest";
import { openBackendsOf } from "../../../src/haproxy/servers.ts";
import { createFileReader, driftsOf } from "../../../src/haproxy/servers-in-file.ts";
import { parseServersState } from "../../../src/haproxy/servers-state.ts";

const HEAD =
  "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port";

function running(...servers: readonly string[]) {
  const lines = servers.map((words) => {
    const [backend, server, address, port] = words.split(/[ :]/);
    return `3 ${backend} 1 ${server} ${address} 2 0 1 1 9 1 0 2 0 0 0 0 - ${port} - 0 0 - - 0`;
  });
  return parseServersState(["1", HEAD, ...lines].join("\n"), "a socket");
}

const FILE = `defaults
  mode tcp
listen web
  bind :80
  server a 10.0.0.1:80
backend grown
  server-template t 3 10.0.0.9:80
  server own 10.0.0.8:80
backend maybe
  .if defined(X)
  server x 10.0.0.7:80
  .endif
backend named
  server "s\${N}" 10.0.0.6:80
`;

test("backends that may have more servers than can be told are known", () => {
  expect([...openBackendsOf(FILE)]).toEqual(["grown", "maybe", "named"]);
});

describe("what runs differs from the file", () => {
  const says = (...servers: readonly string[]) =>
    driftsOf(createFileReader()({ now: [FILE], before: [] }), running(...servers)).map((drift) => drift.says);
  const whole = ["web a 10.0.0.1:80", "grown own 10.0.0.8:80", "grown t1 10.0.0.9:80", "maybe x 10.0.0.7:80"];

  test("in nothing, whatever a template, a condition or another file has beside it", () => {
    expect(says(...whole, "other o 10.0.0.5:80", "named s7 10.0.0.6:80")).toEqual([]);
  });

  test("in an address, in a server that is missing, and in one too many", () => {
    expect(says("web a 10.0.0.2:80", "grown own 10.0.0.8:80")).toEqual([
      "web/a: HAProxy has 10.0.0.2:80, the file says 10.0.0.1:80",
    ]);
    expect(says("web a 10.0.0.1:80")).toEqual(["grown/own: the file has it, HAProxy does not"]);
    expect(says(...whole, "web b 10.0.0.3:80")).toEqual(["web/b: HAProxy has it, the file does not"]);
  });

  test("also when the file is read again with other defaults, or with one section changed", () => {
    const read = createFileReader();
    const weights = (text: string) =>
      read({ now: [text], before: [] }).configured.map(({ server, weight }) => `${server} ${weight}`);
    expect(weights(FILE)).toEqual(["a 1", "own 1"]);
    expect(weights(FILE.replace("mode tcp", "default-server weight 7"))).toEqual(["a 7", "own 7"]);
    expect(weights(FILE.replace("10.0.0.1:80", "10.0.0.1:80 weight 3"))).toEqual(["a 3", "own 1"]);
    expect(weights(FILE)).toEqual(["a 1", "own 1"]);
    expect(weights(FILE.replace("listen web", ".if defined(Y)\nlisten web"))).toEqual([]);
  });

  test("only in the backends that are asked for", () => {
    const file = createFileReader()({ now: [FILE], before: [] }, new Set(["web"]));
    expect(driftsOf(file, running("web a 10.0.0.1:80"))).toEqual([]);
  });
});
