import type { Call } from "../core/call.ts";

/** A socket of HAProxy's that answers commands: a runtime socket, or the master's. */
export interface Asked {
  /** For messages: its path or `host:port`. */
  readonly name: string;
  /** One command, and the whole of its answer, read to the end whatever its length. Throws E_HAPROXY or E_TIMEOUT. */
  ask(command: string, call: Call): Promise<string>;
}
