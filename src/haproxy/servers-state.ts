import type { Call } from "../core/call.ts";
import type { HaproxyFacts, ServerRef } from "./difference.ts";
import { parseVersion } from "./facts.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { readStat } from "./show-stat.ts";

/** A server as the running HAProxy has it (`show servers state`; include/haproxy/server-t.h has the bits). */
export interface RunningServer extends ServerRef {
  /** IPv4 or IPv6 as text; undefined for a unix socket, and for a name that is not resolved. */
  readonly address: string | undefined;
  /** 0 where it has none of its own. */
  readonly port: number;
  /** As used now. */
  readonly weight: number;
  /** As the file said when it was loaded; no command changes it. */
  readonly initialWeight: number;
  /** 0 stopped, 1 starting, 2 running, 3 stopping. */
  readonly operState: number;
  /** Bits, see {@link ADMIN}. */
  readonly adminState: number;
  /** Its health check is configured; not whether it runs. */
  readonly hasCheck: boolean;
  /** Its agent check is configured; not whether it runs. */
  readonly hasAgent: boolean;
  /** Its health check runs, or would when it is not in maintenance: nobody has switched it off. */
  readonly isChecked: boolean;
  /** The same of its agent check. */
  readonly isAgentChecked: boolean;
  /** Where it is checked, where that is not its own address and port. */
  readonly checkAddress: string | undefined;
  readonly checkPort: number;
  readonly agentAddress: string | undefined;
  readonly agentPort: number;
  /** The name its address was resolved from. */
  readonly fqdn: string | undefined;
}

/** Bits of {@link RunningServer.adminState} (SRV_ADMF_… in include/haproxy/server-t.h, 2.4 to 3.5). */
export const ADMIN = {
  /** `set server … state maint`, or an agent that said it; a server that was added and not enabled yet. */
  forcedMaint: 0x01,
  /** From the server it tracks. */
  inheritedMaint: 0x02,
  /** It was `disabled` in the file; stays when somebody has enabled it since, and alone it does nothing. */
  configuredMaint: 0x04,
  /** `set server … state drain`, or an agent that said it. */
  forcedDrain: 0x08,
  /** Its name is not resolved. */
  resolutionMaint: 0x20,
} as const;

/** Bits of `srv_check_state` and `srv_agent_state` (CHK_ST_… in include/haproxy/check-t.h). */
const CONFIGURED = 0x02;
const ENABLED = 0x04;

const COLUMNS = [
  "be_name",
  "srv_name",
  "srv_addr",
  "srv_op_state",
  "srv_admin_state",
  "srv_uweight",
  "srv_iweight",
  "srv_check_state",
  "srv_agent_state",
  "srv_fqdn",
  "srv_port",
  "srv_check_port",
  "srv_check_addr",
  "srv_agent_addr",
  "srv_agent_port",
] as const;

/** All servers, or those of one backend, in HAProxy's order. Throws E_HAPROXY, also for an answer it cannot read. */
export async function readServers(
  socket: RuntimeSocket,
  call: Call,
  backend?: string,
): Promise<readonly RunningServer[]> {
  const command = backend === undefined ? "show servers state" : `show servers state ${backend}`;
  return parseServersState(await socket.ask(command, call), socket.name);
}

/** Reads the answer to `show servers state`, by the names in its header. `name` is the socket's, for the message. */
export function parseServersState(text: string, name: string): readonly RunningServer[] {
  const asked = `HAProxy at ${name}: "show servers state"`;
  const [version, header = "", ...lines] = text.split("\n");
  if (version !== "1" || !header.startsWith("# ")) {
    throw new RuntimeError("strange", `${asked} was answered with what is not its version 1: ${quoteReply(text)}`);
  }
  const columns = header.slice(2).trim().split(" ");
  const missing = COLUMNS.find((column) => !columns.includes(column));
  if (missing !== undefined) throw new RuntimeError("strange", `${asked} has no column "${missing}"`);
  const positions = new Map(COLUMNS.map((column) => [column, columns.indexOf(column)]));
  return lines.map((line) => {
    const cells = line.trimEnd().split(" ");
    const text = (column: (typeof COLUMNS)[number]) => cells[positions.get(column) ?? -1] ?? "";
    const server = cells.length === columns.length ? readServer(text) : undefined;
    if (server === undefined)
      throw new RuntimeError("strange", `${asked} has a line nobody can read: ${quoteReply(line)}`);
    return server;
  });
}

/** Undefined when a number is none. */
function readServer(text: (column: (typeof COLUMNS)[number]) => string): RunningServer | undefined {
  const number = (column: (typeof COLUMNS)[number]) =>
    /^-?\d+$/.test(text(column)) ? Number(text(column)) : Number.NaN;
  const unlessNone = (column: (typeof COLUMNS)[number]) => (text(column) === "-" ? undefined : text(column));
  const [checkState, agentState] = [number("srv_check_state"), number("srv_agent_state")];
  const server = {
    backend: text("be_name"),
    server: text("srv_name"),
    address: unlessNone("srv_addr"),
    port: number("srv_port"),
    weight: number("srv_uweight"),
    initialWeight: number("srv_iweight"),
    operState: number("srv_op_state"),
    adminState: number("srv_admin_state"),
    hasCheck: (checkState & CONFIGURED) !== 0,
    hasAgent: (agentState & CONFIGURED) !== 0,
    isChecked: (checkState & ENABLED) !== 0,
    isAgentChecked: (agentState & ENABLED) !== 0,
    checkAddress: unlessNone("srv_check_addr"),
    checkPort: number("srv_check_port"),
    agentAddress: unlessNone("srv_agent_addr"),
    agentPort: number("srv_agent_port"),
    fqdn: unlessNone("srv_fqdn"),
  };
  const isWhole = ![checkState, agentState, ...Object.values(server)].some(Number.isNaN);
  return isWhole && server.backend !== "" && server.server !== "" ? server : undefined;
}

/** The process that answers. */
export interface RunningInfo {
  readonly version: HaproxyFacts;
  /** `2.6.12-1+deb12u1` */
  readonly release: string;
  readonly pid: number;
  /** Since it was started, in whole seconds as HAProxy tells it. */
  readonly uptimeMs: number;
  /** It is an old one that only waits for its sessions to end. */
  readonly isStopping: boolean;
  /** Connections of clients now. */
  readonly connections: number;
}

/** Asks who answers (`show info`). Throws E_HAPROXY, also for an answer it cannot read. */
export async function readInfo(socket: RuntimeSocket, call: Call): Promise<RunningInfo> {
  return parseInfo(await socket.ask("show info", call), socket.name);
}

/** Reads the answer to `show info`. `name` is the socket's, for the message. */
export function parseInfo(text: string, name: string): RunningInfo {
  const fields = new Map(
    [...text.matchAll(/^([^:\n]+): (.*)$/gm)].map(([, key = "", value = ""]) => [key, value.trim()]),
  );
  const release = fields.get("Version") ?? "";
  const version = parseVersion(`Version: ${release}`);
  const number = (key: string) => Number.parseInt(fields.get(key) ?? "", 10);
  const info = { pid: number("Pid"), uptimeMs: number("Uptime_sec") * 1_000, connections: number("CurrConns") };
  if (version === undefined || Object.values(info).some(Number.isNaN)) {
    throw new RuntimeError("strange", `HAProxy at ${name}: "show info" was answered with ${quoteReply(text)}`);
  }
  return { version, release, ...info, isStopping: fields.get("Stopping") === "1" };
}

/** A frontend, or the front half of a `listen`. */
export interface Listener {
  readonly frontend: string;
  /** It takes connections: neither stopped nor paused. */
  readonly isOpen: boolean;
}

/** Which frontends take connections (`show stat`). Throws E_HAPROXY, also for an answer it cannot read. */
export async function readListeners(socket: RuntimeSocket, call: Call): Promise<readonly Listener[]> {
  const FRONTENDS = 1;
  const rows = await readStat(socket, { type: FRONTENDS }, call);
  return rows.map((row) => ({ frontend: row("pxname"), isOpen: row("status") === "OPEN" }));
}
