import { randomBytes } from "node:crypto";
import type { Checker, Probe } from "../src/core/checker.ts";
import { AppError } from "../src/core/errors.ts";
import type { OptionValues } from "../src/core/option.ts";
import type { Target } from "../src/core/targets.ts";
import type { Verdict } from "../src/core/verdict.ts";
import { createKeptSocket } from "../src/lib/kept-socket.ts";

/** memcached: healthy when a value can be stored and read back. */
export const memcached: Checker = {
  kind: "memcached",
  summary: "the first memcached in the list that stores and returns a value",
  proxyportOffset: 5_000,
  options: [
    {
      name: "server",
      type: "targets",
      required: true,
      argument: "h:p,h:p",
      description: "the servers in order of preference",
    },
  ],
  create(options) {
    const targets = servers(options);
    return { discover: async () => targets, open: openProbe, close: async () => {} };
  },
};

/** memcached forgets the value by itself, also when this process died. */
const EXPIRES_SECONDS = 30;

/** Two answers of 24 bytes of header each and a short value, with room. */
const MAX_ANSWER_BYTES = 4_096;

/** Binary protocol (memcached, doc/protocol-binary.txt): magic, opcodes, and the statuses told apart here. */
const RESPONSE_MAGIC = 0x81;
const OPCODE = { get: 0x00, set: 0x01, noop: 0x0a } as const;
const STATUS = { ok: 0x00, notFound: 0x01, authError: 0x08, authRequired: 0x20 } as const;
const STATUS_WORDS: Readonly<Record<number, string>> = {
  3: "value too large",
  4: "invalid arguments",
  5: "item not stored",
  129: "unknown command",
  130: "out of memory storing object",
  131: "not supported",
  132: "internal error",
  133: "busy",
  134: "temporary failure",
};

interface Reply {
  readonly status: number;
  readonly value: Buffer;
}

type Codec = typeof import("memjs").Utils;

function servers(options: OptionValues): readonly Target[] {
  const { server } = options;
  if (!Array.isArray(server) || server.length === 0) throw new AppError("E_USAGE", "--server must name a server");
  return server;
}

function openProbe(target: Target): Probe {
  let lost: (reason: string) => void = () => {};
  const socket = createKeptSocket({ ...target, maxBytes: MAX_ANSWER_BYTES, onLost: (reason) => lost(reason) });
  let conversation: Conversation | undefined;
  return {
    async check({ signal }) {
      conversation ??= createConversation(await loadCodec());
      const { parse, next } = conversation;
      const value = next();
      return judge(await socket.exchange(conversation.question, parse, signal), value);
    },
    async ping({ signal }) {
      conversation ??= createConversation(await loadCodec());
      const { noop, parseNoop } = conversation;
      await socket.exchange(noop, parseNoop, signal);
    },
    onLost(listener) {
      lost = listener;
    },
    async close() {
      socket.close();
    },
  };
}

/** Loaded with the first question: whoever checks something else never pays for it. */
async function loadCodec(): Promise<Codec> {
  const { default: memjs } = await import("memjs");
  return memjs.Utils;
}

/** What one probe asks again and again, with another value each time. */
interface Conversation {
  /** Set and get in one segment: one round trip. Its value is replaced in place. */
  readonly question: Buffer;
  /** Puts the next value into the question and returns it. */
  next(): string;
  parse(received: Buffer): readonly [set: Reply, get: Reply] | undefined;
  /** Answered by whoever is not hanging, whatever its state. */
  readonly noop: Buffer;
  parseNoop(received: Buffer): Reply | undefined;
}

const VALUE_DIGITS = 10;

function createConversation(codec: Codec): Conversation {
  // A key of this probe alone: two checkers, or two tags, on one server must not read each other's values.
  const key = `confd-haproxy:check:${randomBytes(8).toString("hex")}`;
  const extras = Buffer.concat([codec.makeExpiration(0), codec.makeExpiration(EXPIRES_SECONDS)]);
  const set = codec.makeRequestBuffer(OPCODE.set, key, extras, "0".repeat(VALUE_DIGITS), OPCODE.set);
  const question = Buffer.concat([set, codec.makeRequestBuffer(OPCODE.get, key, "", "", OPCODE.get)]);
  let count = 0;
  return {
    question,
    next() {
      count = (count + 1) % 10 ** VALUE_DIGITS;
      const value = `${count}`.padStart(VALUE_DIGITS, "0");
      question.write(value, set.length - VALUE_DIGITS, "latin1");
      return value;
    },
    parse: (received) => parse(codec, received),
    noop: codec.makeRequestBuffer(OPCODE.noop, "", "", "", OPCODE.noop),
    parseNoop: (received) => parseReply(codec, received, OPCODE.noop),
  };
}

/** Undefined until both replies are whole. */
function parse(codec: Codec, received: Buffer): readonly [set: Reply, get: Reply] | undefined {
  const set = parseReply(codec, received, OPCODE.set);
  if (set === undefined) return undefined;
  const get = parseReply(codec, received.subarray(set.length), OPCODE.get);
  if (get === undefined) return undefined;
  if (set.length + get.length < received.length) throw garbage();
  return [set, get];
}

function parseReply(codec: Codec, bytes: Buffer, opcode: number): (Reply & { readonly length: number }) | undefined {
  // Seen at once, not after the timeout: an answer in another protocol may be shorter than a header.
  if (bytes.length >= 1 && bytes[0] !== RESPONSE_MAGIC) throw garbage();
  if (bytes.length >= 2 && bytes[1] !== opcode) throw garbage();
  const message = codec.parseMessage(bytes);
  // Its type does not say that it answers false for bytes that are not all there.
  if (!message) return undefined;
  const { status = STATUS.ok, totalBodyLength } = message.header;
  return { status, value: message.val, length: 24 + totalBodyLength };
}

function garbage(): Error {
  return new Error("it does not answer in memcached's binary protocol");
}

function judge([set, get]: readonly [set: Reply, get: Reply], value: string): Verdict {
  const problem = statusProblem("set", set.status) ?? statusProblem("get", get.status);
  if (problem !== undefined) return problem;
  if (get.value.toString("latin1") === value) return { state: "up", reason: "set and get work" };
  return { state: "down", reason: "get returned another value than was set" };
}

function statusProblem(command: "set" | "get", status: number): Verdict | undefined {
  if (status === STATUS.ok) return undefined;
  if (status === STATUS.authRequired || status === STATUS.authError) {
    return { state: "unknown", reason: "it wants SASL authentication, which this checker does not speak" };
  }
  if (status === STATUS.notFound) return { state: "down", reason: `${command}: the value is gone at once` };
  const words = STATUS_WORDS[status] ?? `status 0x${status.toString(16)}`;
  return { state: "down", reason: `${command}: ${words}` };
}
