import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { ServerRef } from "./difference.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { parseSessions } from "./show-sess.ts";

/** How long it may take when the caller does not say, ms. */
const TIMEOUT_MS = 5_000;

const LOOK_EVERY_MS = 10;

/**
 * Resolves when a server has no session and no connection, also no idle one. Throws E_HAPROXY when that takes longer
 * than the call's timeout, with how many it still has.
 */
export async function untilUnused(
  socket: RuntimeSocket,
  about: ServerRef,
  call: Call & { readonly clock: Clock },
): Promise<void> {
  const { clock, timeoutMs = TIMEOUT_MS } = call;
  const untilMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const [sessions = "", connections = ""] = await socket.askAll(
      ["show sess", `show servers conn ${about.backend}`],
      call,
    );
    const still = parseSessions(sessions, socket.name).filter(
      ({ backend, server }) => backend === about.backend && server === about.server,
    ).length;
    const open = countConnections(connections, about, socket.name);
    if (still === 0 && open === 0) return;
    if (clock.monotonicMs() >= untilMs) {
      const has = still > 0 ? `${still} sessions` : `${open} connections`;
      throw new RuntimeError("refused", `${about.backend}/${about.server} still has ${has} after ${timeoutMs} ms`);
    }
    await clock.sleep(LOOK_EVERY_MS, call.signal);
  }
}

/**
 * How many connections HAProxy has to a server, in use or idle, out of the answer to `show servers conn`; 0 when it has
 * no such server. `name` is the socket's, for the message.
 */
export function countConnections(text: string, { backend, server }: ServerRef, name: string): number {
  if (text === "Can't find backend.") return 0;
  const [header = "", ...lines] = text.split("\n");
  const columns = header.replace(/^# /, "").split(" ");
  const line = lines.find((one) => one.startsWith(`${backend}/${server} `))?.split(" ");
  const number = (column: string) => Number(line?.[columns.indexOf(column)] ?? Number.NaN);
  if (!header.startsWith("# bkname/svname ")) {
    throw new RuntimeError("strange", `HAProxy at ${name}: "show servers conn" was answered with ${quoteReply(text)}`);
  }
  if (line === undefined) return 0;
  const count = number("used_cur") + number("idle_cur");
  if (Number.isNaN(count)) {
    throw new RuntimeError(
      "strange",
      `HAProxy at ${name}: "show servers conn" has a line nobody can read: ${quoteReply(line.join(" "))}`,
    );
  }
  return count;
}
