import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { askOnce } from "../support/agent-client.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { startProgram } from "../support/program.ts";
import { type ScriptedAnswer, type ScriptedMysql, startScriptedMysql } from "../support/scripted-mysql.ts";
import { tempDir } from "../support/temp-dir.ts";

/** No Percona XtraDB Cluster is at hand: what it says is scripted, the rest is real. */

const AGENT_PORT = 21_997;

interface Node extends ScriptedMysql {
  /** What it says of itself; to be changed. */
  readonly values: Record<string, string>;
}

async function startNode(address: string): Promise<Node> {
  const values: Record<string, string> = {
    wsrep_cluster_status: "Primary",
    wsrep_cluster_size: "2",
    wsrep_connected: "ON",
    wsrep_ready: "ON",
    wsrep_local_state: "4",
    wsrep_local_state_comment: "Synced",
    wsrep_on: "ON",
    wsrep_reject_queries: "NONE",
    pxc_maint_mode: "DISABLED",
    read_only: "OFF",
  };
  const isStatus = (name: string) => /^wsrep_(cluster_|connected|ready|local_)/.test(name);
  const server = await startScriptedMysql(
    {
      version: "8.0.36-28.1",
      answer: (statement): ScriptedAnswer =>
        Object.entries(values)
          .filter(([name]) => isStatus(name) === statement.startsWith("SHOW GLOBAL STATUS"))
          .map(([name, value]) => ({ Variable_name: name, Value: value })),
    },
    address,
  );
  return Object.assign(server, { values });
}

const serverOf = ({ address, port }: Node) => `${address}:${port}`;

test.each(["MAINTENANCE", "SHUTDOWN"])(
  "pxc_maint_mode=%s of the writer: the agent drains it, the entry leaves it and does not come back, and stays where nobody is left",
  async (mode) => {
    const prefix = await loopbackPrefix();
    const [a, b] = [await startNode(`${prefix}.2`), await startNode(`${prefix}.3`)];
    const dir = tempDir("percona");
    const program = startProgram("checkers", [
      ...["galera", "--tag", "w", "--publish", "writer", "--user", "u", "--server", `${serverOf(a)},${serverOf(b)}`],
      ...["--store", `file:${dir}/store`, "--state-dir", `${dir}/state`, "--interval", "100ms"],
      ...["--agent-port", `${AGENT_PORT}`, "--agent-bind", `${prefix}.1`],
    ]);
    const path = join(dir, "store/haproxy/galera/w");
    const writer = () => (existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { host: string }).host : "");
    const untilSaid = (node: Node, line: string) =>
      eventually(`of ${node.address} is said: ${line}`, async () => {
        const answer = await askOnce({ host: `${prefix}.1`, port: AGENT_PORT }, `galera/w/${serverOf(node)}\n`);
        return answer.trim() === line;
      });
    await eventually("the first is the writer", () => writer() === a.address);
    await untilSaid(a, "up");
    a.values["pxc_maint_mode"] = mode;
    await eventually("the other is the writer", () => writer() === b.address);
    await untilSaid(a, "drain up");
    await untilSaid(b, "up");
    b.values["pxc_maint_mode"] = mode;
    await untilSaid(b, "drain up");
    expect(writer()).toBe(b.address);
    for (const node of [b, a]) {
      node.values["pxc_maint_mode"] = "DISABLED";
      await untilSaid(node, "ready up");
    }
    expect(writer()).toBe(b.address);
    expect(program.stderr()).toContain(
      `galera w: file:${dir}/store has no lock to hold: of several checkers each may move the writer, by check-and-set`,
    );
  },
);
