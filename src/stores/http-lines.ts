import { HttpSyntaxError } from "./http-syntax-error.ts";

const LINE_FEED = 0x0a;

/** Bytes that arrived, and how many of them have been read. */
export interface Cursor {
  readonly piece: Buffer;
  at: number;
}

/** Reads lines that may be spread over several pieces. */
export interface LineReader {
  /**
   * The next line without its end, as latin1, or undefined when the piece ends before it does; moves the
   * cursor past what was read. Throws HttpSyntaxError for a line longer than `maxBytes` and for one that does
   * not end with CR LF: a bare LF is how answers are smuggled past whoever reads them differently.
   */
  take(cursor: Cursor, maxBytes: number): string | undefined;
  /** What has arrived of an unfinished line. */
  unfinished(): string;
}

/** Creates a reader that has seen nothing. */
export function createLineReader(): LineReader {
  let held = "";
  return {
    take(cursor, maxBytes) {
      const { piece, at } = cursor;
      const lineFeed = piece.indexOf(LINE_FEED, at);
      const end = lineFeed === -1 ? piece.length : lineFeed;
      if (held.length + end - at > maxBytes + 1) throw new HttpSyntaxError("a line or the head is too long");
      const text = held + piece.toString("latin1", at, end);
      held = lineFeed === -1 ? text : "";
      cursor.at = lineFeed === -1 ? end : end + 1;
      if (lineFeed === -1) return undefined;
      if (!text.endsWith("\r")) throw new HttpSyntaxError("a line does not end with CR LF");
      return text.slice(0, -1);
    },
    unfinished: () => held,
  };
}
