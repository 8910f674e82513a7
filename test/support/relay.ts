import { createConnection, createServer, type Socket } from "node:net";
import { loopbackPrefix } from "./loopback.ts";
import { releaseLater } from "./releases.ts";

/** A way to a server that a test can cut, and on which it sees what is asked. */
export interface Relay {
  readonly address: string;
  readonly port: number;
  /** The first line of each HTTP request so far. */
  readonly requests: readonly string[];
  /** Ends every connection and refuses new ones, as a dead agent does. */
  cut(): Promise<void>;
  /** Ends every cut. */
  mend(): Promise<void>;
  /** Passes the next request that matches on and then ends its connection in place of the answer. */
  swallowAnswerTo(pattern: RegExp): void;
  /** Holds the next request that matches back; resolves when it has come, with the way to let it go on. */
  hold(pattern: RegExp): Promise<() => void>;
}

/** Opens a relay to `target` that ends with the test. */
export async function startRelay(target: { readonly address: string; readonly port: number }): Promise<Relay> {
  const address = `${await loopbackPrefix()}.9`;
  const requests: string[] = [];
  const open = new Set<Socket>();
  let swallowed: RegExp | undefined;
  let held: { readonly pattern: RegExp; come(letGo: () => void): void } | undefined;

  const server = createServer((client) => {
    const upstream = createConnection({ host: target.address, port: target.port });
    let mute = false;
    for (const socket of [client, upstream]) {
      open.add(socket);
      // Either side may end at any time: that is what a relay is for.
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (data) => {
      const [line = ""] = data.toString("latin1").split("\r\n", 1);
      if (/^[A-Z]+ \//.test(line)) requests.push(line);
      if (swallowed?.test(line)) {
        swallowed = undefined;
        mute = true;
      }
      if (held?.pattern.test(line)) {
        held.come(() => upstream.write(data));
        held = undefined;
      } else upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (mute) client.destroy();
      else client.write(data);
    });
  });
  const listen = () => new Promise<void>((resolve) => server.listen(PORT, address, resolve));
  const cut = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  await listen();
  releaseLater("relay", cut);
  return {
    address,
    port: PORT,
    requests,
    cut,
    mend: listen,
    swallowAnswerTo(pattern) {
      swallowed = pattern;
    },
    hold: (pattern) =>
      new Promise((come) => {
        held = { pattern, come };
      }),
  };
}

const PORT = 21_500;
