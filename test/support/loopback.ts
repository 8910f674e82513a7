import { createServer, type Server } from "node:net";

/** The port whose holder owns a prefix; no server of ours uses it. */
const CLAIM_PORT = 64_999;

/** 127.20.x to 127.249.x: away from what other programs like to use (127.0.0.1, 127.0.1.1, 127.0.0.53). */
const FIRST_A = 20;
const PREFIXES = 230 * 250;

let taken = 0;

/**
 * A prefix `127.A.B` that no other test process on this machine has: use any port on `${prefix}.2`,
 * `${prefix}.3` and so on. Each call gives a new one. It is held by a listening socket, so the kernel gives
 * it back when this process ends, however it ends.
 */
export async function loopbackPrefix(): Promise<string> {
  for (let tries = 0; tries < 1_000; tries++) {
    const slot = (process.pid * 31 + taken++) % PREFIXES;
    const prefix = `127.${FIRST_A + Math.floor(slot / 250)}.${1 + (slot % 250)}`;
    const claim = await listen(CLAIM_PORT, `${prefix}.254`).catch(onlyIfTaken);
    if (claim === undefined) continue;
    claim.unref();
    return prefix;
  }
  throw new Error("no free 127.A.B prefix on this machine");
}

/** A port that nobody listens on at this address right now. On an address of one's own nobody can take it. */
export async function freePort(address: string): Promise<number> {
  const server = await listen(0, address);
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (bound === null || typeof bound === "string") throw new Error(`no TCP address on ${address}`);
  return bound.port;
}

function listen(port: number, address: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: address, exclusive: true }, () => resolve(server));
  });
}

function onlyIfTaken(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "EADDRINUSE") throw error;
}
