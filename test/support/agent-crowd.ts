import { eventually } from "./eventually.ts";
import { type Launched, launch } from "./launch.ts";

/** Many clients of an agent port, in a process of their own: their files are not those of the test. */
export interface AgentCrowd {
  readonly program: Launched;
  /** What has happened so far. */
  counts(): CrowdCounts;
  /** Lets all go, at once. */
  leave(): Promise<void>;
}

/** How many connections. */
export interface CrowdCounts {
  /** There at this moment. */
  readonly open: number;
  /** Made so far. */
  readonly made: number;
  /** That were over. */
  readonly gone: number;
}

/** Who comes. */
export interface CrowdOptions {
  readonly to: { readonly host: string; readonly port: number };
  /** So many are there at a time. */
  readonly atOnce: number;
  /** So many come in all; as many as are there at a time by default. */
  readonly inAll?: number;
  /** What they do. Those who are `silent` stay as long as they may; the `bad` do in turn what no client should. */
  readonly are: "silent" | "bad";
}

/** How long a crowd may take on a machine that has other things to do, ms; less than a test with one may take. */
export const CROWD_MS = 60_000;

/** For tests with a crowd, ms. */
export const CROWD_TEST_MS = 180_000;

/** Starts them. They end with the test. */
export function startCrowd({ to, atOnce, inAll = atOnce, are }: CrowdOptions): AgentCrowd {
  const args = ["-e", SCRIPT, to.host, `${to.port}`, `${atOnce}`, `${inAll}`, are];
  const program = launch(process.execPath, args, { endWith: "SIGKILL" });
  return {
    program,
    counts: () => JSON.parse(program.stdout().trimEnd().split("\n").at(-1) || '{"open":0,"made":0,"gone":0}'),
    leave: async () => void (await program.kill()),
  };
}

/** Waits until so many are there. */
export async function untilThere(crowd: AgentCrowd, count: number): Promise<void> {
  await eventually(`${count} clients are there`, () => crowd.counts().open >= count, CROWD_MS);
}

/** Waits until so many have come and gone. */
export async function untilGone(crowd: AgentCrowd, count: number): Promise<void> {
  await eventually(`${count} clients have come and gone`, () => crowd.counts().gone >= count, CROWD_MS);
}

const SCRIPT = `
const { connect } = require("node:net");

const [host, port, atOnce, inAll, are] = process.argv.slice(1);
const counts = { open: 0, made: 0, gone: 0 };
let begun = 0;

const noise = Buffer.alloc(2_000, 0xfe);
const much = Buffer.alloc(300_000, "x");
const bad = [
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.write(noise),
  (socket) => socket.write("sla", () => socket.resetAndDestroy()),
  (socket) => socket.write("memcached/none/" + begun + "x".repeat(400) + "\\n"),
  (socket) => socket.end("half a quest"),
  (socket) => socket.write("mem1\\n", () => socket.resetAndDestroy()),
  (socket) => socket.write("\\0\\r\\n\\n\\n"),
  (socket) => (begun % 10 === 0 ? socket.write(much) : socket.destroy()),
];

function come() {
  if (begun >= Number(inAll)) return;
  begun += 1;
  const turn = begun;
  // one address has too few ports for all of them
  const socket = connect({ host, port: Number(port), localAddress: host.replace(/\\d+$/, 100 + (turn % 50)) });
  let isOpen = false;
  socket.on("connect", () => {
    isOpen = true;
    counts.open += 1;
    counts.made += 1;
    if (are === "bad") bad[turn % bad.length](socket);
  });
  socket.on("data", () => {
    if (are === "bad") socket.destroy();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    if (isOpen) counts.open -= 1;
    counts.gone += 1;
    come();
  });
}

for (let i = 0; i < Number(atOnce); i += 1) come();

let told = "";
setInterval(() => {
  const now = JSON.stringify(counts);
  if (now !== told) process.stdout.write(now + "\\n");
  told = now;
}, 20);
`;
