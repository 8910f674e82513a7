import type { Call } from "../core/call.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";

/**
 * What this HAProxy is called among its peers: `-L`, `localpeer` of its file, or its host name, which it keeps in a
 * variable of its environment (configuration manual, 2.3 "Environment variables").
 */
export async function readLocalPeer(socket: RuntimeSocket, call: Call): Promise<string> {
  const answer = await socket.ask("show env HAPROXY_LOCALPEER", call);
  const name = /^HAPROXY_LOCALPEER=(\S+)$/m.exec(answer)?.[1];
  if (name !== undefined) return name;
  throw new RuntimeError("strange", `${socket.name} does not tell its name among its peers: ${quoteReply(answer)}`);
}
