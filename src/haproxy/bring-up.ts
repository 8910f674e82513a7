import type { Call } from "../core/call.ts";
import type { ServerRef } from "./difference.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { parseStat, type StatRow } from "./show-stat.ts";

const SERVERS_ONLY = 4;

/**
 * Puts servers up again that HAProxy's own health check has down, so that traffic does not wait for `rise` checks;
 * resolves to those. To be called for servers that are known to be good. One that its agent has down, that is in
 * maintenance, or that tracks another one stays as it is, and one without a check is never down because of it. The next
 * checks count as ever: `fall` of them that fail take it down again.
 */
export async function bringUp(
  socket: RuntimeSocket,
  servers: readonly ServerRef[],
  call: Call,
): Promise<readonly ServerRef[]> {
  const backends = [...new Set(servers.map(({ backend }) => backend))];
  const stats = await socket.askAll(
    backends.map((backend) => `show stat ${backend} ${SERVERS_ONLY} -1`),
    call,
  );
  const rows = stats.flatMap((stat) => (stat === "No such proxy." ? [] : parseStat(stat, socket.name)));
  const down = servers.filter(({ backend, server }) =>
    rows.some((row) => row("pxname") === backend && row("svname") === server && isDownByItsCheck(row)),
  );
  const commands = down.map(({ backend, server }) => `set server ${backend}/${server} health up`);
  const answers = await socket.askAll(commands, call);
  const at = answers.findIndex((answer) => answer !== "");
  if (at === -1) return down;
  const says = quoteReply(answers[at] ?? "");
  throw new RuntimeError("refused", `HAProxy at ${socket.name}: "${commands[at]}" was answered with ${says}`);
}

/**
 * `DOWN`, or `DOWN 1/2` on its way up; one that its agent has down is `DOWN (agent)`, whatever its check says
 * (src/stats.c). Without a check it is somebody's `set server … health down`.
 */
function isDownByItsCheck(row: StatRow): boolean {
  return /^DOWN(?: \d+\/\d+)?$/.test(row("status")) && row("check_status") !== "" && row("tracked") === "";
}
