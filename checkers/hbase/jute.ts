/** Writes ZooKeeper's serialisation ("jute"): big-endian numbers, texts and buffers behind their length. */
export function encode(...parts: readonly (number | bigint | string | boolean | Buffer)[]): Buffer {
  return Buffer.concat(parts.map(encodeOne));
}

function encodeOne(part: number | bigint | string | boolean | Buffer): Buffer {
  if (typeof part === "boolean") return Buffer.from([part ? 1 : 0]);
  if (typeof part === "number") {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(part);
    return bytes;
  }
  if (typeof part === "bigint") {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(part);
    return bytes;
  }
  const content = typeof part === "string" ? Buffer.from(part, "utf8") : part;
  return Buffer.concat([encodeOne(content.length), content]);
}

/** Reads it. Throws an Error for bytes that end too early. */
export interface Decoder {
  int(): number;
  skip(bytes: number): void;
  /** Undefined for the length -1. */
  buffer(): Buffer | undefined;
  strings(): readonly string[];
}

/** From the first byte on. */
export function decode(bytes: Buffer): Decoder {
  let at = 0;
  const take = (length: number): Buffer => {
    if (length < 0 || at + length > bytes.length) throw new Error("it answers with less than it announces");
    at += length;
    return bytes.subarray(at - length, at);
  };
  const int = () => take(4).readInt32BE();
  const buffer = () => {
    const length = int();
    return length === -1 ? undefined : take(length);
  };
  return {
    int,
    skip: (length) => void take(length),
    buffer,
    strings: () =>
      Array.from({ length: atMost(int(), bytes.length) }, () => (buffer() ?? Buffer.alloc(0)).toString("utf8")),
  };
}

/** A list has no more members than its answer has bytes. */
function atMost(count: number, most: number): number {
  if (count > most) throw new Error("it answers with less than it announces");
  return Math.max(0, count);
}
