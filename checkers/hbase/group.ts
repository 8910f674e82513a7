/** A region server by the name that HBase gives it everywhere but for its start code: `host,port`, in small letters. */
export type ServerId = string;

/** What stands before each message that HBase keeps in a znode (HBase, ProtobufMagic and RecoverableZooKeeper). */
const MAGIC = "PBUF";
const META_MARK = 0xff;

/** Fields of RSGroupInfo and of the ServerName in it (HBase, RSGroup.proto and HBase.proto). */
const FIELD = { servers: 4, host: 1, port: 2 } as const;

/** Of protobuf (Protocol Buffers, "Encoding"). */
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/**
 * The servers of a group from its znode's data. Undefined for empty data: HBase makes a group's znode empty and fills
 * it in a second step. Throws an Error for what is no group: anybody may have written it.
 */
export function parseGroup(data: Buffer): readonly ServerId[] | undefined {
  const message = withoutMeta(data);
  if (message.length === 0) return undefined;
  if (message.toString("latin1", 0, MAGIC.length) !== MAGIC) throw new Error("it is not in HBase's format");
  const servers: ServerId[] = [];
  for (const { field, bytes } of fields(message.subarray(MAGIC.length))) {
    if (field === FIELD.servers && bytes !== undefined) servers.push(parseServer(bytes));
  }
  return servers;
}

/** `host,port,startcode`, as the children of /rs are called; undefined for what is none. */
export function liveServer(child: string): ServerId | undefined {
  const [, id] = /^([^,]+,\d+),\d+$/.exec(child) ?? [];
  return id?.toLowerCase();
}

function withoutMeta(data: Buffer): Buffer {
  if (data[0] !== META_MARK) return data;
  const length = data.length >= 5 ? data.readInt32BE(1) : -1;
  if (length < 0 || 5 + length > data.length) throw new Error("it ends too early");
  return data.subarray(5 + length);
}

function parseServer(message: Buffer): ServerId {
  let host = "";
  let port = 0;
  for (const { field, bytes, number } of fields(message)) {
    if (field === FIELD.host && bytes !== undefined) host = bytes.toString("utf8");
    if (field === FIELD.port && number !== undefined) port = number;
  }
  return `${host},${port}`.toLowerCase();
}

interface Field {
  readonly field: number;
  /** Of texts and messages. */
  readonly bytes?: Buffer;
  /** Of whole numbers. */
  readonly number?: number;
}

function* fields(message: Buffer): Generator<Field> {
  const reader = { at: 0 };
  while (reader.at < message.length) {
    const key = varint(message, reader);
    const field = key >>> 3;
    switch (key & 7) {
      case WIRE.varint:
        yield { field, number: varint(message, reader) };
        break;
      case WIRE.bytes:
        yield { field, bytes: take(message, reader, varint(message, reader)) };
        break;
      case WIRE.fixed64:
        take(message, reader, 8);
        break;
      case WIRE.fixed32:
        take(message, reader, 4);
        break;
      default:
        throw new Error("it is not in HBase's format");
    }
  }
}

/** Beyond 53 bits a number is cut: none that is looked at here is that long. */
function varint(message: Buffer, reader: { at: number }): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = message[reader.at++];
    if (byte === undefined) throw new Error("it ends too early");
    if (shift < 49) value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw new Error("it is not in HBase's format");
}

function take(message: Buffer, reader: { at: number }, length: number): Buffer {
  if (reader.at + length > message.length) throw new Error("it ends too early");
  reader.at += length;
  return message.subarray(reader.at - length, reader.at);
}
