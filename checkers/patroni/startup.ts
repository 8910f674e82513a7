import type { Target } from "../../src/core/targets.ts";
import { createKeptSocket } from "../../src/lib/kept-socket.ts";

/** As whom it is asked; nobody logs in, so it need not exist. */
export interface StartupName {
  readonly user: string;
  readonly database: string;
}

/** Version 3.0 of the protocol (PostgreSQL, "Message Formats", StartupMessage). */
const PROTOCOL = 0x0003_0000;

/** The beginnings of an answer: how to log in, or an error. */
const ANSWER = { authentication: 0x52, error: 0x45 } as const;

/** cannot_connect_now: it starts up, shuts down or recovers (PostgreSQL, "Error Codes"). */
const CANNOT_CONNECT_NOW = "57P03";

/** An error of the server has some hundred bytes. */
const MAX_BYTES = 16_384;

/**
 * Asks as pg_isready does, without another program: begins to log in and looks whether the server goes along (libpq's
 * PQping). Any answer but "cannot connect now" means that it accepts connections. Rejects, in words, when it does not.
 */
export async function askStartup(target: Target, name: StartupName, signal: AbortSignal): Promise<void> {
  const socket = createKeptSocket({ ...target, maxBytes: MAX_BYTES, onLost: () => {} });
  try {
    const problem = await socket.exchange(startupMessage(name), readAnswer, signal);
    if (problem !== "none") throw new Error(problem);
  } finally {
    socket.close();
  }
}

function startupMessage({ user, database }: StartupName): Buffer {
  const text = `user\0${user}\0database\0${database}\0application_name\0confd-haproxy\0\0`;
  const body = Buffer.from(text, "utf8");
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(PROTOCOL, 4);
  return Buffer.concat([head, body]);
}

/** Undefined until it is clear. Throws an Error for what is no PostgreSQL. */
function readAnswer(received: Buffer): string | undefined {
  if (received[0] === ANSWER.authentication) return "none";
  if (received[0] !== ANSWER.error) throw new Error("it does not answer in PostgreSQL's protocol");
  if (received.length < 5) return undefined;
  const length = received.readInt32BE(1);
  if (length > MAX_BYTES) throw new Error("it does not answer in PostgreSQL's protocol");
  if (received.length < 1 + length) return undefined;
  const fields = new Map(
    received
      .toString("utf8", 5, 1 + length)
      .split("\0")
      .map((field) => [field[0], field.slice(1)]),
  );
  return fields.get("C") === CANNOT_CONNECT_NOW ? (fields.get("M") ?? "it takes no connections now") : "none";
}
