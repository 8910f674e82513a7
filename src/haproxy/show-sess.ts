import type { ServerRef } from "./difference.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";

/** A session (HAProxy's code says: a stream), as `show sess` lists it. */
export interface Session {
  /** `0x563f25dccc90`, for `shutdown session`. */
  readonly id: string;
  /** Undefined while it has no backend, and where HAProxy cannot tell. */
  readonly backend: string | undefined;
  /** Undefined while it waits for one. */
  readonly server: string | undefined;
  /** Its side towards the server is closed for good: nothing of it reaches a server any more. */
  readonly isCutOff: boolean;
}

/** SC_ST_CLO in include/haproxy/stconn-t.h; up to 2.5 it is SI_ST_CLO, of the same value, and the field is called s1. */
const CLOSED_TO_SERVER = / (?:scb|s1)=\[10,/;

/**
 * Reads the answer to `show sess`: `0x…: proto=tcpv4 src=… fe=l be=b srv=s ts=…`, one line for each; the head is the
 * same from 2.4 to 3.5 (`cli_io_handler_dump_sess` in src/stream.c). Lines without `fe=` are HAProxy's own.
 * `name` is the socket's, for the message.
 */
export function parseSessions(text: string, name: string): readonly Session[] {
  if (text === "") return [];
  return text.split("\n").map((line) => {
    const id = /^(0x[0-9a-f]+): proto=/.exec(line)?.[1];
    if (id === undefined) {
      throw new RuntimeError(
        "strange",
        `HAProxy at ${name}: "show sess" has a line nobody can read: ${quoteReply(line)}`,
      );
    }
    const [, backend, server] = / fe=\S+ be=(\S+) srv=(\S+)(?: |$)/.exec(line) ?? [];
    const isCutOff = CLOSED_TO_SERVER.test(line);
    return { id, backend: unlessNone(backend), server: unlessNone(server), isCutOff };
  });
}

function unlessNone(name: string | undefined): string | undefined {
  return name === "<NONE>" || name === "<none>" ? undefined : name;
}

/** Whether a session is with one of these servers, or waits for a server in the backend of one of them. */
export function mayUse(session: Session, servers: readonly ServerRef[]): boolean {
  return servers.some(
    ({ backend, server }) => session.backend === backend && (session.server === undefined || session.server === server),
  );
}
