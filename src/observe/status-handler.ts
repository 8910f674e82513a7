import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { withDeadline } from "../lib/deadline.ts";
import { type Answer, answer, type Sources } from "./status-routes.ts";

/** Bodies are thrown away; whoever sends more than this is cut off. */
const MAX_BODY_BYTES = 65_536;

/** The longest a client may take to read an answer, ms. A thousand tags are a megabyte of it. */
const READ_MS = 15_000;

const COMMON_HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };

const BROKEN: Answer = {
  status: 500,
  type: "text/plain; charset=utf-8",
  body: "This page could not be made; the log says why.\n",
};

/** Answers HTTP requests one at a time per connection. What fails in here is a bug: logged, and answered with 500. */
export function createHandler(sources: Sources, logger: Logger, signal: AbortSignal): RequestListener {
  const busy = new WeakSet<Socket>();

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request;
    const made = await answer({ method, url, accept: headers.accept ?? "" }, sources).catch((error: unknown) => {
      if (!signal.aborted) logger.error("status over HTTP", { err: errorText(error), path: url });
      return BROKEN;
    });
    await send(response, made, signal);
  }

  return (request, response) => {
    const { socket } = request;
    // Requests sent ahead of their answers are taken in all at once, and each answer may be large.
    if (busy.has(socket)) {
      socket.destroy();
      return;
    }
    busy.add(socket);
    response.once("close", () => busy.delete(socket));
    limitBody(request);
    // whoever does not read in time, or is there when we stop, is cut off
    serve(request, response).catch(() => socket.destroy());
  };
}

function limitBody(request: IncomingMessage): void {
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) request.socket.destroy();
  });
}

function send(response: ServerResponse, made: Answer, signal: AbortSignal): Promise<void> {
  const body = Buffer.from(made.body);
  return withDeadline("reading the status", READ_MS, signal, async () => {
    const closed = new Promise<void>((resolve) => {
      response.once("close", resolve);
    });
    response.writeHead(made.status, {
      ...COMMON_HEADERS,
      ...made.headers,
      "Content-Type": made.type,
      "Content-Length": body.length,
    });
    response.end(body);
    await closed;
  });
}
