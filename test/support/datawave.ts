import { launch } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { type Server, startServer } from "./server.ts";

/** What DataWave's health page says, beside its status. */
export interface DatawaveLoad {
  readonly ConnectionUsagePercent?: number;
  readonly SystemLoad?: number;
  readonly SwapBytesUsed?: number;
}

/** A web server with the contract of DataWave's HealthBean, in a process of its own. */
export interface DatawaveServer extends Server {
  readonly url: string;
  load(load: DatawaveLoad): Promise<void>;
  /** `PUT …/Health/status`: any text. Resolves with the status code. */
  status(text: string): Promise<number>;
  /** `GET …/Health/shutdown`: waits until no connections are used, and ends. Resolves when it has begun. */
  shutdown(): Promise<void>;
  /** How often its health page was asked for since it was started. */
  asked(): Promise<number>;
}

const HEALTH = "/DataWave/Common/Health";
const PORT = 21_080;

/** Starts one and returns when it answers. */
export async function startDatawave(options: { readonly address?: string } = {}): Promise<DatawaveServer> {
  const address = options.address ?? `${await loopbackPrefix()}.2`;
  const base = `http://${address}:${PORT}`;
  const server = await startServer({
    what: `DataWave on ${address}:${PORT}`,
    address,
    port: PORT,
    start: () =>
      launch(process.execPath, ["--input-type=module", "-e", SCRIPT, address, `${PORT}`], { endWith: "SIGKILL" }),
    ready: async () => (await fetch(`${base}/asked`)).ok,
  });
  return Object.assign(server, {
    url: `${base}${HEALTH}/health`,
    load: async (load: DatawaveLoad) => void (await control(`${base}/load`, JSON.stringify(load))),
    status: async (text: string) => (await control(`${base}${HEALTH}/status`, text)).status,
    async shutdown() {
      // It answers when it is over: by ending.
      fetch(`${base}${HEALTH}/shutdown?timeoutMinutes=1`).catch(() => {});
      await control(`${base}/until-shutdown`);
    },
    asked: async () => Number(await (await control(`${base}/asked`)).text()),
  });
}

function control(url: string, body?: string): Promise<Response> {
  return fetch(url, { headers: { connection: "close" }, ...(body === undefined ? {} : { method: "PUT", body }) });
}

/** After DataWave's HealthBean.java, with two pages of the test's own for the numbers. Any other page is a query. */
const SCRIPT = `
import { createServer } from "node:http";

const [address, port] = process.argv.slice(1);
const health = "/DataWave/Common/Health";
const limit = 200;
let numbers = { ConnectionUsagePercent: 0, SystemLoad: 0, SwapBytesUsed: 0 };
let status = "ready";
let shuttingDown = false;
let onShutdown = () => {};
const shutdown = new Promise((resolve) => { onShutdown = resolve; });
let asked = 0;

async function bodyOf(question) {
  let text = "";
  for await (const chunk of question) text += chunk;
  return text;
}

function page(answer) {
  asked += 1;
  const full = numbers.ConnectionUsagePercent >= limit;
  const document = { ...numbers, Status: status, Details: full ? "full" : shuttingDown ? "Shutdown in progress" : null };
  answer.writeHead(full || shuttingDown ? 503 : 200, { "content-type": "application/json" }).end(JSON.stringify(document));
}

async function setStatus(question, answer) {
  if (shuttingDown) return answer.writeHead(403).end("Cannot change status during a shutdown.");
  status = (await bodyOf(question)).trim();
  answer.end();
}

function endWhenIdle() {
  if (numbers.ConnectionUsagePercent <= 0) process.exit(0);
}

createServer(async (question, answer) => {
  const path = question.url.split("?")[0];
  if (path === health + "/health") return page(answer);
  if (path === health + "/status" && question.method === "PUT") return setStatus(question, answer);
  if (path === health + "/shutdown") {
    shuttingDown = true;
    status = "drain";
    onShutdown();
    return setInterval(endWhenIdle, 50);
  }
  if (path === "/until-shutdown") return shutdown.then(() => answer.end());
  if (path === "/asked") return answer.end(String(asked));
  if (path === "/load") {
    numbers = { ...numbers, ...JSON.parse(await bodyOf(question)) };
    return answer.end();
  }
  // A query: its further calls come with this cookie.
  answer.setHeader("set-cookie", "query-session-id=q1; Path=/");
  answer.end(address);
}).listen(Number(port), address);
process.on("SIGTERM", () => process.exit(0));
`;
