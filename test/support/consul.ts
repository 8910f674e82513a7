import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { type Server, startServer } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

/** How the agent is to be. */
export interface ConsulOptions {
  /** Deny everything without a token; `token` of the result may do everything. */
  readonly acl?: boolean;
  /** Keep the data on disk so that a restart finds them (ready after 2 s); else all in memory (0.2 s). */
  readonly persistent?: boolean;
  readonly address?: string;
  readonly httpPort?: number;
  /** More configuration in HCL. */
  readonly config?: string;
  /** More command line arguments, for example for TLS. */
  readonly args?: readonly string[];
}

/** A real Consul server on an address of its own. `port` is that of the HTTP API. */
export interface Consul extends Server {
  /** `http://address:port` */
  readonly url: string;
  /** The token that may do everything, or "" without ACLs. */
  readonly token: string;
  readonly kv: ConsulKv;
  /** A request to the API; `path` begins with `/v1/`. Sends the management token unless told otherwise. */
  request(path: string, options?: ConsulRequest): Promise<Response>;
  /** Makes a token with these rules (HCL) and returns its secret. */
  createToken(name: string, rules: string): Promise<string>;
  /** Ends it and starts it with nothing in it: the index falls back too. */
  restartEmpty(): Promise<void>;
}

/** A request to the API. */
export interface ConsulRequest {
  readonly method?: "GET" | "PUT" | "DELETE" | "POST";
  readonly body?: string;
  readonly token?: string;
}

/** Keys and values, past the code under test. All throw when Consul refuses. */
export interface ConsulKv {
  /** The value, or undefined when there is no such key. */
  get(key: string): Promise<string | undefined>;
  put(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  /** The key and all below it. */
  deleteAll(prefix: string): Promise<void>;
  keys(prefix: string): Promise<string[]>;
  /** ModifyIndex, or undefined when there is no such key. */
  index(key: string): Promise<number | undefined>;
}

const MANAGEMENT_TOKEN = "11111111-2222-3333-4444-555555555555";

/** Where scripts/setup.sh puts Consul when the machine has none. */
const CACHED_BINARY = join(import.meta.dirname, "../../.cache/consul/usr/bin/consul");

/** Starts a real Consul and returns when it has a leader: when a write succeeds. */
export async function startConsul(options: ConsulOptions = {}): Promise<Consul> {
  const address = options.address ?? `${await loopbackPrefix()}.1`;
  const port = options.httpPort ?? 21_500;
  const url = `http://${address}:${port}`;
  const token = options.acl === true ? MANAGEMENT_TOKEN : "";
  const request = (path: string, call: ConsulRequest = {}) => ask(`${url}${path}`, { token, ...call });
  const dir = tempDir("consul");
  const args = agentArguments(dir, address, { ...options, httpPort: port });
  const server = await startServer({
    what: `consul on ${address}:${port}`,
    address,
    port,
    start: () => launch(consulBinary(), args, { dir, env: withoutConsulVariables(), endWith: "SIGKILL" }),
    ready: async () => (await request("/v1/kv/ready", { method: "PUT", body: "x" })).ok,
  });
  return Object.defineProperties(
    {
      url,
      token,
      kv: createKv(request),
      request,
      createToken: (name: string, rules: string) => createToken(request, name, rules),
      async restartEmpty() {
        await server.stop();
        rmSync(join(dir, "data"), { recursive: true, force: true });
        await server.restart();
      },
    },
    // Not a spread: pid and running are getters.
    Object.getOwnPropertyDescriptors(server),
  ) as Consul;
}

/** The Consul to use: $CONSUL, else the project's own, else the machine's. */
export function consulBinary(): string {
  const chosen = process.env["CONSUL"];
  if (chosen !== undefined && chosen !== "") return chosen;
  return existsSync(CACHED_BINARY) ? CACHED_BINARY : "consul";
}

function agentArguments(dir: string, address: string, options: ConsulOptions & { httpPort: number }): string[] {
  const configPath = join(dir, "agent.hcl");
  writeFileSync(configPath, agentConfig(options));
  const mode =
    options.persistent === true ? ["-server", "-bootstrap-expect", "1", "-data-dir", join(dir, "data")] : ["-dev"];
  // Only HTTP on a port that is asked for; raft and serf need one each, the rest is off.
  const ports = ["-http-port", `${options.httpPort}`, "-server-port", "21300", "-serf-lan-port", "21301"];
  const off = ["-serf-wan-port", "-1", "-dns-port", "-1", "-grpc-port", "-1"];
  const network = ["-node", "n1", "-bind", address, "-client", address, ...ports, ...off];
  return ["agent", ...mode, ...network, "-log-level", "warn", "-config-file", configPath, ...(options.args ?? [])];
}

function agentConfig(options: ConsulOptions): string {
  // Without session_ttl_min a lock of a dead holder is not released before 10 s.
  const always = `session_ttl_min = "1s"\nperformance { raft_multiplier = 1 }\ndisable_update_check = true\n`;
  const tokens = `tokens { master = "${MANAGEMENT_TOKEN}" agent = "${MANAGEMENT_TOKEN}" }`;
  const acl = options.acl === true ? `acl { enabled = true default_policy = "deny" ${tokens} }\n` : "";
  return `${always}${acl}${options.config ?? ""}\n`;
}

/** A test's own CONSUL_HTTP_ADDR and the like must not reach the agent. */
function withoutConsulVariables(): Record<string, undefined> {
  const names = Object.keys(process.env).filter((name) => name.startsWith("CONSUL_"));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

function ask(url: string, { method = "GET", body, token }: ConsulRequest): Promise<Response> {
  return fetch(url, {
    method,
    ...(body === undefined ? {} : { body }),
    // A kept connection would not survive a restart of Consul.
    headers: { connection: "close", ...(token === undefined || token === "" ? {} : { "x-consul-token": token }) },
  });
}

type Request = Consul["request"];

function createKv(request: Request): ConsulKv {
  const entry = async (key: string) => {
    const found = await ifThere(request(`/v1/kv/${encodeKey(key)}`));
    return (found as { Value: string | null; ModifyIndex: number }[] | undefined)?.[0];
  };
  return {
    async get(key) {
      const found = await entry(key);
      return found === undefined ? undefined : Buffer.from(found.Value ?? "", "base64").toString("utf8");
    },
    put: async (key, value) => void (await json(request(`/v1/kv/${encodeKey(key)}`, { method: "PUT", body: value }))),
    delete: async (key) => void (await json(request(`/v1/kv/${encodeKey(key)}`, { method: "DELETE" }))),
    deleteAll: async (prefix) =>
      void (await json(request(`/v1/kv/${encodeKey(prefix)}?recurse`, { method: "DELETE" }))),
    keys: async (prefix) => ((await ifThere(request(`/v1/kv/${encodeKey(prefix)}?keys`))) ?? []) as string[],
    index: async (key) => (await entry(key))?.ModifyIndex,
  };
}

async function createToken(request: Request, name: string, rules: string): Promise<string> {
  const policy = JSON.stringify({ Name: name, Rules: rules });
  await json(request("/v1/acl/policy", { method: "PUT", body: policy }));
  const body = JSON.stringify({ Policies: [{ Name: name }] });
  const made = (await json(request("/v1/acl/token", { method: "PUT", body }))) as { SecretID: string };
  return made.SecretID;
}

async function ifThere(pending: Promise<Response>): Promise<unknown> {
  const response = await pending;
  if (response.status === 404) return undefined;
  return json(Promise.resolve(response));
}

async function json(pending: Promise<Response>): Promise<unknown> {
  const response = await pending;
  const text = await response.text();
  if (!response.ok) throw new Error(`consul answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

function encodeKey(key: string): string {
  return key.split("/").map(encodeURIComponent).join("/");
}
