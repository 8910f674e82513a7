import type { Call } from "../core/call.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { WRITER_KEY } from "./show-table.ts";

/** What somebody else's connection may do to the row between two looks. */
const HARMLESS = [
  /^$/,
  // A client uses the row at this moment: it stays, and the next look tells.
  /^Entry currently in use, cannot remove/,
];

/**
 * Makes a server, by its id, the one that the row means. The row is removed first, because a number says nothing beside
 * the name that stands there. To be verified afterwards: a client may have come between. Throws E_HAPROXY.
 */
export async function writeRow(
  socket: RuntimeSocket,
  { table, serverId }: { readonly table: string; readonly serverId: string },
  call: Call,
): Promise<void> {
  const row = `table ${table} key ${WRITER_KEY}`;
  const commands = [`clear ${row}`, `set ${row} data.server_id ${serverId}`];
  const answers = await socket.askAll(commands, call);
  for (const [at, answer] of answers.entries()) {
    if (HARMLESS.some((known) => known.test(answer))) continue;
    throw new RuntimeError(
      "refused",
      `HAProxy at ${socket.name}: "${commands[at]}" was answered with ${quoteReply(answer)}`,
    );
  }
}
