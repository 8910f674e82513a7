import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { askStartup } from "../../../../checkers/patroni/startup.ts";
import { releaseLater } from "../../../support/releases.ts";

const never = new AbortController().signal;
const NAME = { user: "ann", database: "shop" };

/** A server that takes the start-up message and answers with these bytes. */
async function answering(answer: (socket: Socket) => void) {
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes) => {
      received.push(bytes);
      answer(socket);
    });
    releaseLater("connection", () => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  releaseLater("server", async () => void server.close());
  return { target: { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, received };
}

/** AuthenticationRequest, of a kind by its number (PostgreSQL, "Message Formats"). */
function authentication(kind: number): Buffer {
  const message = Buffer.alloc(9);
  message.write("R");
  message.writeInt32BE(8, 1);
  message.writeInt32BE(kind, 5);
  return message;
}

function error(fields: string): Buffer {
  const text = Buffer.from(fields.replaceAll("|", "\0"), "utf8");
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([head, text]);
}

describe("the start-up question", () => {
  test("is PostgreSQL's start-up message", async () => {
    const { target, received } = await answering((socket) => socket.write(authentication(0)));
    await askStartup(target, NAME, never);
    const message = Buffer.concat(received);
    expect(message.readInt32BE(0)).toBe(message.length);
    expect(message.readInt32BE(4)).toBe(196_608);
    expect(message.toString("utf8", 8)).toBe("user\0ann\0database\0shop\0application_name\0confd-haproxy\0\0");
  });

  test.each([
    ["welcome", authentication(0)],
    ["a cleartext password", authentication(3)],
    ["an MD5 password", authentication(5)],
    ["SCRAM", authentication(10)],
    ["the head of it alone", authentication(10).subarray(0, 5)],
    ["an unknown user", error("SFATAL|C28000|Mrole does not exist||")],
    ["an unknown database", error("SFATAL|C3D000|Mdatabase does not exist||")],
    ["no place left", error("SFATAL|C53300|Msorry, too many clients already||")],
    ["PgBouncer: an unknown user", error("SFATAL|C08P01|Mno such user: ann||")],
    ["PgBouncer: no place left", error("SFATAL|C08P01|Mno more connections allowed (max_client_conn)||")],
  ])("is answered by a server that accepts connections: %s", async (_, bytes) => {
    const { target } = await answering((socket) => socket.write(bytes));
    await expect(askStartup(target, NAME, never)).resolves.toBeUndefined();
  });

  test.each([
    [error("SFATAL|C57P03|Mthe database system is starting up||"), "the database system is starting up"],
    [
      error("SFATAL|VFATAL|C57P03|Mthe database system is shutting down|Fa.c|L1||"),
      "the database system is shutting down",
    ],
    [error("SFATAL|C08P01|Mquery_wait_timeout||"), "query_wait_timeout"],
    [error("SFATAL|Mwithout a code||"), "without a code"],
    [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), "it does not answer in PostgreSQL's protocol"],
    [Buffer.from("ERROR\r\n"), "it does not answer in PostgreSQL's protocol"],
    [Buffer.from("RFB 003.008\n"), "it does not answer in PostgreSQL's protocol"],
  ])("is answered by one that does not: %s", async (bytes, reason) => {
    const { target } = await answering((socket) => socket.write(bytes));
    await expect(askStartup(target, NAME, never)).rejects.toThrow(reason);
  });

  test("waits for the whole of an error that comes in parts", async () => {
    const bytes = error("SFATAL|C57P03|Mthe database system is starting up||");
    const { target } = await answering((socket) => {
      socket.setNoDelay(true);
      const next = (at: number) => {
        socket.write(bytes.subarray(at, at + 1), () => at + 1 < bytes.length && next(at + 1));
      };
      next(0);
    });
    await expect(askStartup(target, NAME, never)).rejects.toThrow("starting up");
  });
});
