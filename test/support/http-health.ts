import { launch } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { type Server, startServer } from "./server.ts";

/** What a health page answers from now on. */
export interface HealthPage {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** In place of a whole answer: none at all, a head and a part of the body, or a byte now and then without an end. */
  readonly breaks?: "hangs" | "ends-early" | "drips";
}

/** A server with a health page, in a process of its own, which a test may crash, hang and start again. */
export interface HealthServer extends Server {
  readonly url: string;
  /** What is answered from now on; a restart forgets it. */
  say(page: HealthPage): Promise<void>;
  /** The headers of every question since it was started, in lower case. */
  asked(): Promise<readonly Readonly<Record<string, string>>[]>;
}

/** Where to start it. */
export interface HealthServerOptions {
  readonly address?: string;
  readonly port?: number;
  /** 200 and `ok` by default. */
  readonly page?: HealthPage;
  /** How long a connection is kept on which nothing is asked, ms. */
  readonly keepAliveMs?: number;
}

const PORT = 21_800;

/** Starts one and returns when it answers. */
export async function startHealthServer(options: HealthServerOptions = {}): Promise<HealthServer> {
  const address = options.address ?? `${await loopbackPrefix()}.2`;
  const { port = PORT, page = { body: "ok" }, keepAliveMs = 60_000 } = options;
  const base = `http://${address}:${port}`;
  const args = ["--input-type=module", "-e", SCRIPT, address, `${port}`, `${keepAliveMs}`, JSON.stringify(page)];
  const server = await startServer({
    what: `health page on ${address}:${port}`,
    address,
    port,
    start: () => launch(process.execPath, args, { endWith: "SIGKILL" }),
    ready: async () => (await fetch(`${base}/asked`)).ok,
  });
  return Object.assign(server, {
    url: `${base}/health`,
    say: async (next: HealthPage) => void (await control(`${base}/say`, JSON.stringify(next))),
    asked: async () => JSON.parse(await control(`${base}/asked`)),
  });
}

/** Never over a connection that is kept: a test counts those of the checker. */
async function control(url: string, body?: string): Promise<string> {
  const answer = await fetch(url, {
    headers: { connection: "close" },
    ...(body === undefined ? {} : { method: "PUT", body }),
  });
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  return answer.text();
}

const SCRIPT = `
import { createServer } from "node:http";

const [address, port, keepAliveMs, first] = process.argv.slice(1);
const asked = [];
let page = JSON.parse(first);

const server = createServer(async (question, answer) => {
  if (question.url === "/asked") return answer.end(JSON.stringify(asked));
  if (question.url === "/say") {
    let text = "";
    for await (const chunk of question) text += chunk;
    page = JSON.parse(text);
    return answer.end();
  }
  asked.push({ ...question.headers, url: question.url });
  const { status = 200, headers = {}, body = "", breaks } = page;
  if (breaks === "hangs") return;
  if (breaks === undefined) return answer.writeHead(status, headers).end(body);
  answer.writeHead(status, { ...headers, "content-length": 1_000 });
  answer.write("x");
  if (breaks === "ends-early") return setImmediate(() => answer.destroy());
  const timer = setInterval(() => answer.write("x"), 20);
  answer.on("close", () => clearInterval(timer));
});
server.keepAliveTimeout = Number(keepAliveMs);
server.listen(Number(port), address);
process.on("SIGTERM", () => process.exit(0));
`;
