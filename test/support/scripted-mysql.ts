import { createServer, type Socket } from "node:net";
import { loopbackPrefix } from "./loopback.ts";
import { releaseLater } from "./releases.ts";

/** What the script says to a statement: rows, or an error. */
export type ScriptedAnswer = readonly Readonly<Record<string, string | number | null>>[] | ScriptedError;

/** An error of the server. */
export interface ScriptedError {
  readonly errno: number;
  readonly sqlState?: string;
  readonly message: string;
}

/** A server that speaks MySQL's protocol as far as a checker does, for versions that are not at hand. */
export interface ScriptedMysql {
  readonly address: string;
  readonly port: number;
  /** Every statement so far. */
  readonly statements: readonly string[];
  /** How many connections said farewell. */
  readonly farewells: () => number;
  /** Open connections. */
  readonly connections: () => number;
  /** Sends an error that nobody asked for and closes, as MySQL 8.0.24 and later do when they end a connection. */
  dismiss(error: ScriptedError): void;
}

/** What it is made of. */
export interface MysqlScript {
  readonly version: string;
  answer(statement: string): ScriptedAnswer;
  /** In place of a greeting. */
  readonly refuse?: ScriptedError;
}

const PORT = 3_306;

/** Protocol 4.1, authentication by plugins (MySQL, Protocol::CapabilityFlags). */
const CAPABILITIES = 0x0200 | 0x8000 | 0x0008_0000;
const COMMAND = { quit: 0x01, query: 0x03, ping: 0x0e } as const;
const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
const END = Buffer.from([0xfe, 0, 0, 2, 0]);

/** Listens on an address of its own until the test ends. */
export async function startScriptedMysql(script: MysqlScript, address?: string): Promise<ScriptedMysql> {
  const at = address ?? `${await loopbackPrefix()}.2`;
  const statements: string[] = [];
  const open = new Set<Socket>();
  let farewells = 0;
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    if (script.refuse !== undefined) {
      socket.end(packet(0, errorPacket(script.refuse)));
      return;
    }
    socket.write(packet(0, greeting(script.version)));
    let loggedIn = false;
    eachPacket(socket, (payload, sequence) => {
      if (!loggedIn) {
        loggedIn = true;
        socket.write(packet(sequence + 1, OK));
        return;
      }
      if (payload[0] === COMMAND.quit) {
        farewells += 1;
        socket.end();
      } else if (payload[0] === COMMAND.ping) {
        socket.write(packet(1, OK));
      } else if (payload[0] === COMMAND.query) {
        const statement = payload.subarray(1).toString("utf8");
        statements.push(statement);
        socket.write(answerPackets(script.answer(statement)));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(PORT, at, resolve));
  releaseLater("scripted MySQL", async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    address: at,
    port: PORT,
    statements,
    farewells: () => farewells,
    connections: () => open.size,
    dismiss(error) {
      for (const socket of open) socket.end(packet(0, errorPacket(error)));
    },
  };
}

function eachPacket(socket: Socket, take: (payload: Buffer, sequence: number) => void): void {
  let received = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 4 && received.length >= 4 + received.readUIntLE(0, 3)) {
      const end = 4 + received.readUIntLE(0, 3);
      const whole = received.subarray(4, end);
      const sequence = received.readUInt8(3);
      received = received.subarray(end);
      take(whole, sequence);
    }
  });
}

function greeting(version: string): Buffer {
  const head = Buffer.alloc(4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10);
  head.writeUInt32LE(7, 0);
  head.fill("s", 4, 12);
  head.writeUInt16LE(CAPABILITIES & 0xffff, 13);
  head.writeUInt8(0x2d, 15);
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(CAPABILITIES >>> 16, 18);
  head.writeUInt8(21, 20);
  return Buffer.concat([
    Buffer.from(`\x0a${version}\0`),
    head,
    Buffer.from(`${"s".repeat(12)}\0mysql_native_password\0`),
  ]);
}

function answerPackets(answer: ScriptedAnswer): Buffer {
  if (!Array.isArray(answer)) return packet(1, errorPacket(answer as ScriptedError));
  const rows = answer as readonly Readonly<Record<string, string | number | null>>[];
  const [first = { nothing: null }] = rows;
  const names = Object.keys(first);
  const payloads = [
    Buffer.from([names.length]),
    ...names.map(column),
    END,
    ...rows.map((row) => Buffer.concat(names.map((name) => cell(row[name] ?? null)))),
    END,
  ];
  return Buffer.concat(payloads.map((payload, index) => packet(index + 1, payload)));
}

function column(name: string): Buffer {
  const VAR_STRING = 0xfd;
  const end = [0x0c, 0x2d, 0, 0, 1, 0, 0, VAR_STRING, 0, 0, 0, 0, 0];
  return Buffer.concat([...["def", "", "", "", name, ""].map(cell), Buffer.from(end)]);
}

/** A text of any length this script needs, with its length in front; NULL is a byte of its own. */
function cell(value: string | number | null): Buffer {
  if (value === null) return Buffer.from([0xfb]);
  const text = Buffer.from(String(value));
  if (text.length < 0xfb) return Buffer.concat([Buffer.from([text.length]), text]);
  return Buffer.concat([Buffer.from([0xfc, text.length & 0xff, text.length >> 8]), text]);
}

function errorPacket({ errno, sqlState = "HY000", message }: ScriptedError): Buffer {
  return Buffer.concat([Buffer.from([0xff, errno & 0xff, errno >> 8]), Buffer.from(`#${sqlState}${message}`)]);
}

function packet(sequence: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head.writeUInt8(sequence & 0xff, 3);
  return Buffer.concat([head, payload]);
}
