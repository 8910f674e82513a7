import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { releaseLater } from "./releases.ts";

/** What Patroni 3 and later say of a primary that is well. */
export const PRIMARY = {
  state: "running",
  postmaster_start_time: "2026-01-01 00:00:00+00:00",
  role: "master",
  server_version: 150_000,
};

/** Patroni's REST API, for answers that a real one gives only in moments, or beside a server that has no Patroni. */
export interface ScriptedPatroni {
  readonly port: number;
  /** The paths that were asked for. */
  readonly asked: readonly string[];
  say(status: number, document: unknown): void;
}

/**
 * Answers on every address of this machine, over TLS with a certificate; says that it is the primary until told
 * otherwise. Ends with the test.
 */
export async function startScriptedPatroni(certificate?: {
  readonly cert: string;
  readonly key: string;
}): Promise<ScriptedPatroni> {
  const asked: string[] = [];
  let answer: { readonly status: number; readonly text: string } = { status: 200, text: JSON.stringify(PRIMARY) };
  const listener: RequestListener = ({ url = "" }, response) => {
    asked.push(url);
    response.writeHead(answer.status, { "content-type": "application/json", connection: "close" }).end(answer.text);
  };
  const server = certificate === undefined ? createServer(listener) : createTlsServer(certificate, listener);
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  releaseLater("scripted Patroni", async () => {
    server.closeAllConnections();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    say(status, document) {
      answer = { status, text: typeof document === "string" ? document : JSON.stringify(document) };
    },
  };
}
