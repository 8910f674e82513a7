import { AppError } from "../core/errors.ts";

/** A body on its way: one block of memory that grows. */
export interface Body {
  /** Makes room for that many more bytes. Throws E_STORE_INVALID beyond the bound. */
  reserve(bytes: number): void;
  /** Copies a part of a piece into the room that was made. */
  append(piece: Buffer, from: number, to: number): void;
  whole(): Buffer;
}

/** Creates an empty one. When its length, or that of its only chunk, is known, each byte is copied once. */
export function createBody(maxBytes: number): Body {
  let block = Buffer.alloc(0);
  let length = 0;
  return {
    reserve(bytes) {
      const needed = length + bytes;
      if (needed > maxBytes) {
        throw new AppError("E_STORE_INVALID", `the answer is larger than ${maxBytes / 1024 / 1024} MiB`);
      }
      if (needed <= block.length) return;
      const grown = Buffer.allocUnsafeSlow(Math.min(maxBytes, Math.max(needed, 2 * block.length)));
      block.copy(grown, 0, 0, length);
      block = grown;
    },
    append(piece, from, to) {
      piece.copy(block, length, from, to);
      length += to - from;
    },
    whole: () => (length === block.length ? block : block.subarray(0, length)),
  };
}
