import type { Target } from "../../src/core/targets.ts";
import { createKeptSocket } from "../../src/lib/kept-socket.ts";
import { readRefusal } from "./refusal.ts";

/** As whom it is asked; nobody logs in. */
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

/** The type of a message, and its length (PostgreSQL, "Overview", messages). */
const HEAD_BYTES = 5;

/**
 * Asks as pg_isready does, without another program: begins to log in and looks whether the server goes along. Whatever
 * it wants for the login, and any error but "cannot connect now", mean that it takes connections (libpq's PQping); so do
 * not PgBouncer's words for a server that it cannot reach. Rejects, in words, when it does not.
 */
export async function askStartup(target: Target, name: StartupName, signal: AbortSignal): Promise<void> {
  const socket = createKeptSocket({ ...target, maxBytes: MAX_BYTES, onLost: () => {} });
  try {
    const answer = await socket.exchange(startupMessage(name), readAnswer, signal);
    if (answer !== "accepting") throw new Error(answer.problem);
  } finally {
    socket.close();
  }
}

/** Whether the first bytes of an answer can be PostgreSQL's; they are not waited for any longer if not. */
export function isPostgres(received: Buffer): boolean {
  const [type] = received;
  if (type !== ANSWER.authentication && type !== ANSWER.error) return false;
  return received.length < HEAD_BYTES || isLength(received.readInt32BE(1));
}

function isLength(bytes: number): boolean {
  return bytes >= 8 && bytes <= MAX_BYTES;
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
function readAnswer(received: Buffer): "accepting" | { readonly problem: string } | undefined {
  if (!isPostgres(received)) throw new Error("it does not answer in PostgreSQL's protocol");
  if (received.length < HEAD_BYTES) return undefined;
  if (received[0] === ANSWER.authentication) return "accepting";
  const end = 1 + received.readInt32BE(1);
  return received.length < end ? undefined : readError(received.toString("utf8", HEAD_BYTES, end));
}

/** The fields of an ErrorResponse: a letter and a text each. */
function readError(text: string): "accepting" | { readonly problem: string } {
  const fields = new Map(text.split("\0").map((field) => [field.charAt(0), field.slice(1)]));
  const [code = "", message = "it takes no connections"] = [fields.get("C"), fields.get("M")];
  const isPooler = readRefusal({ code, message }).about === "server" && code === "08P01";
  return code === "" || code === CANNOT_CONNECT_NOW || isPooler ? { problem: message } : "accepting";
}
