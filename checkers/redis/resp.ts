/** An error reply, without the sign that marks it: `NOAUTH Authentication required.` */
export interface ReplyError {
  readonly error: string;
}

/** One reply of a server, in RESP2. */
export type Reply = string | number | null | ReplyError | readonly Reply[];

/** A reply and where the next one begins. */
export interface Parsed {
  readonly reply: Reply;
  readonly next: number;
}

/** Nothing that is asked here is answered deeper; what goes on deeper is not Redis. */
const DEEPEST = 8;

const CR = 0x0d;
const LF = 0x0a;

/** Commands in one piece, as the server reads them: arrays of bulk strings. */
export function encodeCommands(commands: readonly (readonly string[])[]): Buffer {
  const bulk = (word: string) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
  return Buffer.from(commands.map((words) => `*${words.length}\r\n${words.map(bulk).join("")}`).join(""));
}

/** True for an error reply. */
export function isReplyError(reply: Reply | undefined): reply is ReplyError {
  return typeof reply === "object" && reply !== null && "error" in reply;
}

/**
 * The reply that begins at `at` (Redis serialization protocol specification, RESP2); undefined when not all of
 * it is there. Throws for bytes that are none: what two readers could read differently is refused.
 */
export function parseReply(bytes: Buffer, at = 0, depth = 0): Parsed | undefined {
  if (depth > DEEPEST) throw garbage();
  const type = bytes[at];
  if (type === undefined) return undefined;
  // Seen at once, not after the deadline: another protocol may never end its line.
  if (!TYPES.includes(type)) throw garbage();
  const end = bytes.indexOf(CR, at + 1);
  if (end === -1 || end + 1 === bytes.length) return undefined;
  if (bytes[end + 1] !== LF) throw garbage();
  const line = bytes.toString("utf8", at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(type)) {
    case "+":
      return { reply: line, next };
    case "-":
      return { reply: { error: line }, next };
    case ":":
      return { reply: integer(line), next };
    case "$":
      return parseBulk(bytes, next, integer(line));
    default:
      return parseArray(bytes, { next, length: integer(line), depth });
  }
}

const TYPES = Buffer.from("+-:$*");

function parseBulk(bytes: Buffer, start: number, length: number): Parsed | undefined {
  if (length === -1) return { reply: null, next: start };
  if (length < 0) throw garbage();
  const end = start + length;
  if (bytes.length < end + 2) return undefined;
  if (bytes[end] !== CR || bytes[end + 1] !== LF) throw garbage();
  return { reply: bytes.toString("utf8", start, end), next: end + 2 };
}

function parseArray(
  bytes: Buffer,
  array: { readonly next: number; readonly length: number; readonly depth: number },
): Parsed | undefined {
  if (array.length === -1) return { reply: null, next: array.next };
  if (array.length < 0) throw garbage();
  const items: Reply[] = [];
  let { next } = array;
  while (items.length < array.length) {
    const item = parseReply(bytes, next, array.depth + 1);
    if (item === undefined) return undefined;
    items.push(item.reply);
    next = item.next;
  }
  return { reply: items, next };
}

function integer(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw garbage();
  return Number(text);
}

function garbage(): Error {
  return new Error("it does not answer in Redis's protocol");
}
