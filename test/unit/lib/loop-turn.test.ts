import { createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { loopTurn } from "../../../src/lib/loop-turn.ts";
import { connectClient } from "../../support/agent-client.ts";
import { eventually } from "../../support/eventually.ts";
import { loopbackPrefix } from "../../support/loopback.ts";
import { releaseLater } from "../../support/releases.ts";
import { standStill } from "../../support/stand-still.ts";

test("what the system had before a turn of the loop is taken in when it is over", async () => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => void accepted.push(socket));
  releaseLater("server", () => void server.close());
  const to = { host: `${await loopbackPrefix()}.2`, port: 21_995 };
  await new Promise<void>((resolve) => server.listen(to, resolve));
  const client = await connectClient(to);
  const [socket] = await eventually("the client is let in", () => accepted.length > 0 && accepted);
  let bytes = "";
  socket?.on("data", (chunk) => {
    bytes += chunk;
  });
  await loopTurn();
  client.socket.write("here");
  standStill(100);
  await loopTurn();
  expect(bytes).toBe("here");
  socket?.destroy();
});
